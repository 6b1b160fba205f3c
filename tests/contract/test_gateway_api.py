"""The documented API, as a caller sees it: a real gateway and a real verifier, each a process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from rlvr.core.run_spec import RunSpec
from rlvr.gateway import schema
from rlvr.gateway.examples import BATCH, NDJSON, RUN, VERIFY, Example

NDJSON_TYPE = {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document."""
    document = client.get("/openapi.json").json()
    assert isinstance(document, dict)
    return document


def includes(answer: dict[str, Any], expected: dict[str, Any]) -> bool:
    return {key: answer.get(key) for key in expected} == expected


@pytest.mark.parametrize("example", VERIFY, ids=lambda example: example.name)
def test_the_examples_of_verify_are_answered_as_documented(client: httpx.Client, example: Example) -> None:
    response = client.post("/v1/verify", json=example.request)
    assert response.status_code == 200
    schema.Verdict.model_validate(response.json())
    assert includes(response.json(), example.answers[0])


@pytest.mark.parametrize("example", BATCH, ids=lambda example: example.name)
def test_the_examples_of_batches_are_answered_as_documented(client: httpx.Client, example: Example) -> None:
    verdicts = client.post("/v1/verify/batch", json=example.request).json()["verdicts"]
    for verdict, expected in zip(verdicts, example.answers, strict=True):
        schema.Verdict.model_validate(verdict)
        assert includes(verdict, expected)


@pytest.mark.parametrize("example", NDJSON, ids=lambda example: example.name)
def test_the_examples_of_streams_are_answered_as_documented(client: httpx.Client, example: Example) -> None:
    response = client.post("/v1/verify/batch", content=example.request, headers=NDJSON_TYPE)
    verdicts = sorted((json.loads(line) for line in response.text.splitlines()), key=lambda line: line["index"])
    for verdict, expected in zip(verdicts, example.answers, strict=True):
        schema.IndexedVerdict.model_validate(verdict)
        assert includes(verdict, expected)


def test_the_document_shows_the_examples_and_their_models(document: dict[str, Any]) -> None:
    shown = {
        (operation["operationId"], media_type): content
        for path in document["paths"].values()
        for operation in path.values()
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
    }
    for key, model, examples in (
        (("verify", "application/json"), schema.Item, VERIFY),
        (("verifyBatch", "application/json"), schema.Items, BATCH),
        (("verifyBatch", "application/x-ndjson"), schema.Item, NDJSON),
        (("createRun", "application/json"), RunSpec, RUN),
    ):
        content = shown.pop(key)
        assert content["schema"] == schema.ref(model)
        assert [example["value"] for example in content["examples"].values()] == [one.request for one in examples]
    assert not shown
    for example in VERIFY:
        schema.Item.model_validate(example.request)
    for example in RUN:
        RunSpec.model_validate(example.request)


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])


def test_every_operation_is_named_and_documents_its_failures(document: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    assert set(operations) == {
        *("verify", "verifyBatch", "listVerifiers", "alive", "ready"),
        *("createRun", "listRuns", "getRun", "stopRun", "resumeRun", "listSteps"),
    }
    for operation in operations.values():
        for code, response in operation["responses"].items():
            if code >= "400":
                assert list(response["content"]) == ["application/problem+json"], (operation["operationId"], code)


def test_curl_as_in_the_readme_needs_no_content_type(client: httpx.Client) -> None:
    body = '{"verifier":"math","completion":"... \\\\boxed{1/2}","spec":{"answer":"0.5"}}'
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/v1/verify", content=body, headers=headers).json()["reward"] == 1.0


def test_a_batch_of_ten_thousand_with_all_kinds_of_bad_items_has_one_verdict_each_in_order(
    client: httpx.Client,
) -> None:
    good = '{"verifier":"math","completion":"so \\\\boxed{%d}","spec":{"answer":"%d"},"trace_id":"t%d"}'
    bad = [
        ("null", "invalid"),
        ("[]", "invalid"),
        ('"text"', "invalid"),
        ('{"verifier":"math"}', "invalid"),
        ('{"verifier":"math","completion":NaN,"spec":{}}', "invalid"),
        ('{"verifier":"math","completion":"","completion":"","spec":{"answer":"1"}}', "invalid"),
        ('{"verifier":"math","completion":"\\ud800","spec":{"answer":"1"}}', "invalid"),
        ('{"verifier":"math","completion":"\\\\boxed{1}","spec":{"anwser":"1"}}', "invalid"),
        ('{"verifier":"none","completion":"","spec":{}}', "invalid"),
        ('{"verifier":"math","completion":"","spec":' + '{"a":' * 3_000 + "1" + "}" * 3_000 + "}", "invalid"),
        ('{"verifier":"math","completion":"' + "9" * 1_100_000 + '","spec":{"answer":"1"}}', "incorrect"),
        ('{"verifier":"math","completion":"\\\\boxed{9^{9^{9^{9}}}}","spec":{"answer":"1"}}', "incorrect"),
        ('{"verifier":"math","completion":"\\\\boxed{__import__(\'os\')}","spec":{"answer":"1"}}', "incorrect"),
        ('{"verifier":"math","completion":"' + "\\\\frac{" * 20_000 + '","spec":{"answer":"1"}}', "incorrect"),
    ]
    items = [good % (index, index, index) for index in range(10_000)]
    places = range(17, 10_000, 10_000 // len(bad))
    for place, (text, _outcome) in zip(places, bad, strict=False):
        items[place] = text
    verdicts = client.post("/v1/verify/batch", content='{"items": [' + ",".join(items) + "]}").json()["verdicts"]
    assert len(verdicts) == 10_000
    expected = {place: outcome for place, (_text, outcome) in zip(places, bad, strict=False)}
    assert len(expected) == len(bad)
    for index, verdict in enumerate(verdicts):
        schema.Verdict.model_validate(verdict)
        assert verdict["outcome"] == expected.get(index, "correct"), (index, verdict)
        assert ("reward" in verdict) == (verdict["outcome"] != "invalid")
        if index not in expected:
            assert verdict["trace_id"] == f"t{index}"


def test_verifiers_are_listed_with_the_schema_of_their_spec(client: httpx.Client) -> None:
    listed = schema.Verifiers.model_validate(client.get("/v1/verifiers").json()).verifiers
    assert [verifier.name for verifier in listed] == ["format", "math", "puzzle"]
    assert all(verifier.version and "properties" in json.dumps(verifier.spec_schema) for verifier in listed)


def test_a_run_goes_through_its_life(client: httpx.Client, tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"prompt": "1+1", "verifier": "math", "spec": {"answer": "2"}}\n')
    request = {**RUN[0].request, "problems": {"kind": "jsonl", "path": str(problems)}}
    created = client.post("/v1/runs", json=request)
    assert created.status_code == 201, created.text
    assert includes(created.json(), RUN[0].answers[0])
    path = created.headers["location"]
    run = schema.Run.model_validate(client.get(path).json())
    assert run.spec.training.groups_per_step == 32
    assert run.run_id in [other["run_id"] for other in client.get("/v1/runs").json()["runs"]]
    assert client.get(f"{path}/steps", params={"from_step": 0, "limit": 5}).json() == {"steps": []}
    assert client.delete(path).json()["state"] == "stopped"
    assert client.post(f"{path}/resume").json()["state"] == "pending"
    assert client.delete(path).status_code == 200
    missing = client.get("/v1/runs/no-such-run")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
