"""The gateway's HTTP API, as far as the commands use it."""

from __future__ import annotations

from typing import Any, Self

import httpx

from rlvr.cli.failure import Failure

Json = dict[str, Any]

_PAGE = 1000
_TIMEOUT = httpx.Timeout(30.0, read=660.0)


class Gateway:
    """A client. Every method raises Failure with the gateway's own words when the gateway refuses."""

    def __init__(self, url: str, api_key: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # A proxy from the environment is for the outside world; a gateway is named outright.
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def verify_batch(self, items: list[Json]) -> list[Json]:
        """One verdict per item, in order."""
        return list(self._call("POST", "/v1/verify/batch", json={"items": items})["verdicts"])

    def list_verifiers(self) -> list[Json]:
        return list(self._call("GET", "/v1/verifiers")["verifiers"])

    def create_run(self, spec: Json) -> Json:
        return self._call("POST", "/v1/runs", json=spec)

    def get_run(self, run_id: str) -> Json:
        return self._call("GET", f"/v1/runs/{run_id}")

    def list_runs(self) -> list[Json]:
        return list(self._call("GET", "/v1/runs")["runs"])

    def list_steps(self, run_id: str, from_step: int = 0) -> list[Json]:
        """The records of all steps from `from_step` on."""
        steps: list[Json] = []
        while True:
            page = {"from_step": from_step + len(steps), "limit": _PAGE}
            found = self._call("GET", f"/v1/runs/{run_id}/steps", params=page)["steps"]
            steps += found
            if len(found) < _PAGE:
                return steps

    def stop_run(self, run_id: str) -> Json:
        return self._call("DELETE", f"/v1/runs/{run_id}")

    def resume_run(self, run_id: str) -> Json:
        return self._call("POST", f"/v1/runs/{run_id}/resume")

    def _call(self, method: str, path: str, **request: Any) -> Json:
        try:
            response = self._http.request(method, path, **request)
        except httpx.TransportError as failure:
            raise Unreachable(f"{self.url} cannot be reached: {failure}") from None
        if response.is_success:
            document: Json = response.json()
            return document
        raise _refusal(response)


class Unreachable(Failure):
    """Nothing answered; it may later."""


def _refusal(response: httpx.Response) -> Failure:
    """What the gateway's problem document says; a failure that may pass when it is a gateway's 5xx."""
    try:
        problem = response.json()
        lines = [f"{problem['title']}: {problem['detail']}"]
        lines += [f"  {error['field']}: {error['detail']}" for error in problem.get("errors", [])]
    except (ValueError, KeyError, TypeError):
        lines = [f"{response.request.url} answered {response.status_code}"]
    kind = Unreachable if response.status_code in (502, 503, 504) else Failure
    return kind("\n".join(lines))
