"""From an item to its verdict: limits, digest, cache, the right grader, and what is said when grading fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict

from pydantic import ValidationError

from rlvr.core import metrics
from rlvr.core.errors import Overloaded
from rlvr.core.process import CannotStart
from rlvr.core.telemetry import get_logger
from rlvr.core.verdict import Grade, Reason, error, incorrect, invalid
from rlvr.v1 import verifier_pb2
from rlvr.verifier import registry
from rlvr.verifier.pool import Pool, PoolLimits
from rlvr.verifier.pool.forker import Forker
from rlvr.verifier.pool.nursery import explain
from rlvr.verifier.protocol import AsyncGrader, Graded, InvalidSpec
from rlvr.verifier.settings import VerifierSettings
from rlvr.verifier.wire import digest, outcome_word, reason_word, to_verdict

log = get_logger("verification")

_DETERMINISTIC = frozenset(
    {
        verifier_pb2.OUTCOME_CORRECT,
        verifier_pb2.OUTCOME_PARTIAL,
        verifier_pb2.OUTCOME_INCORRECT,
        verifier_pb2.OUTCOME_INVALID,
    }
)
_LIMITS = frozenset({verifier_pb2.REASON_TIME_LIMIT, verifier_pb2.REASON_MEMORY_LIMIT})


class Verification:
    """The verifiers of this process. `verdict` never raises because of an item, only when there is no room."""

    def __init__(self, settings: VerifierSettings) -> None:
        self._settings = settings
        self._pooled = [kind for kind in settings.kinds if kind in registry.POOLED]
        self._isolated: dict[str, AsyncGrader] = {
            kind: registry.load(registry.ISOLATED[kind])(getattr(settings, kind))
            for kind in settings.kinds
            if kind in registry.ISOLATED
        }
        self._forker = Forker({kind: registry.POOLED[kind] for kind in self._pooled})
        self._pools: dict[str, Pool] = {}
        self._versions: dict[str, str] = {kind: grader.version for kind, grader in self._isolated.items()}
        self._unavailable: dict[str, str] = {}
        """Kind -> why it cannot run on this host."""
        self._cache: OrderedDict[str, bytes] = OrderedDict()

    @property
    def kinds(self) -> list[str]:
        """The verifiers that run here."""
        return [kind for kind in self._settings.kinds if kind not in self._unavailable]

    async def start(self) -> None:
        """Get every verifier ready.

        A verifier that cannot run on this host is left out and says so, as long as there is another to serve.

        Raises:
            CannotStart: none can run; the message says what to do about it.
        """
        if self._pooled:
            await self._forker.start()
            limits = PoolLimits(
                workers=self._settings.workers,
                deadline_s=self._settings.deadline_s,
                memory_mb=self._settings.memory_mb,
                max_queue=self._settings.max_queue,
                recycle_after=self._settings.recycle_after,
            )
            for kind in self._pooled:
                self._pools[kind] = Pool(kind, self._forker, limits)
                self._versions[kind] = self._forker.described[kind]["version"]
            await asyncio.gather(*(pool.start() for pool in self._pools.values()))
        for kind, grader in self._isolated.items():
            try:
                await grader.start()
            except RuntimeError as failure:
                self._unavailable[kind] = str(failure)
                log.error("verifier cannot run on this host", verifier=kind, why=str(failure))
        if not self.kinds:
            raise CannotStart("; ".join(self._unavailable.values()))

    async def close(self) -> None:
        """Kill and reap every grader."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await self._forker.close()
        await asyncio.gather(*(grader.close() for grader in self._isolated.values()))

    @property
    def problem(self) -> str:
        """Why some verifier cannot grade now; empty when all can."""
        return "; ".join(problem for pool in self._pools.values() if (problem := pool.problem))

    def describe(self) -> list[verifier_pb2.VerifierInfo]:
        """What can be graded here."""
        infos = []
        for kind in self._settings.kinds:
            if kind in self._isolated:
                schema = self._isolated[kind].spec.model_json_schema()
                why = self._unavailable.get(kind)
                available = {"problem": why} if why else self._isolated[kind].describe()
            else:
                schema = self._forker.described[kind]["schema"]
                available = {"workers": self._settings.workers, "deadline_s": self._settings.deadline_s}
            infos.append(
                verifier_pb2.VerifierInfo(
                    name=kind,
                    version=self._versions[kind],
                    spec_schema_json=json.dumps(schema),
                    available_json=json.dumps(available),
                )
            )
        return infos

    async def verdict(
        self, item: verifier_pb2.VerifyItem, timeout_s: float, *, patient: bool = False
    ) -> verifier_pb2.Verdict:
        """The verdict on an item; `timeout_s` is how long the caller waits for grading to begin.

        `patient` callers are those that cannot be told to come back later: they wait in line however long it is, and
        bound what they have waiting themselves.

        Raises:
            Overloaded: too much work waits already.
        """
        kind = item.verifier
        version = self._versions.get(kind, "")
        key = digest(kind, version, item.spec_json, item.completion)
        kept = self._cache.get(key)
        if kept is not None:
            self._cache.move_to_end(key)
            metrics.VERIFY_CACHE_HITS.labels(kind).inc()
            verdict = verifier_pb2.Verdict.FromString(kept)
            verdict.cached = True
        else:
            verdict = await self._grade(item, timeout_s, patient)
            verdict.verifier = kind if version else kind[:64]
            verdict.verifier_version = version
            verdict.digest = key
            self._keep(key, verdict)
            metrics.VERIFY_SECONDS.labels(verdict.verifier if version else "").observe(verdict.duration_ms / 1000)
            metrics.VERIFY_QUEUE_SECONDS.labels(verdict.verifier if version else "").observe(verdict.queue_ms / 1000)
        verdict.trace_id = item.trace_id
        metrics.VERDICTS.labels(
            kind if version else "", outcome_word(verdict.outcome), reason_word(verdict.reason)
        ).inc()
        return verdict

    async def _grade(self, item: verifier_pb2.VerifyItem, timeout_s: float, patient: bool) -> verifier_pb2.Verdict:
        refusal = self._refusal(item)
        if refusal is not None:
            return to_verdict(refusal)
        pool = self._pools.get(item.verifier)
        if pool is not None:
            return await pool.grade(item, timeout_s, patient=patient)
        begin = time.monotonic()
        graded = await self._grade_isolated(self._isolated[item.verifier], item, timeout_s, patient)
        verdict = to_verdict(graded.grade)
        verdict.queue_ms = graded.queue_s * 1000
        verdict.duration_ms = max(0.0, (time.monotonic() - begin) * 1000 - verdict.queue_ms)
        return verdict

    def _refusal(self, item: verifier_pb2.VerifyItem) -> Grade | None:
        """A grade for what need not be graded."""
        if item.verifier not in self._versions:
            known = ", ".join(self._settings.kinds)
            return invalid(
                Reason.UNKNOWN_VERIFIER, f"verifier: there is no {item.verifier[:64]!r} here; there are {known}"
            )
        if item.verifier in self._unavailable:
            return error(Reason.SANDBOX_UNAVAILABLE, self._unavailable[item.verifier])
        if _size(item.spec_json) > self._settings.max_spec_bytes:
            return invalid(
                Reason.BAD_SPEC,
                f"spec: longer than {self._settings.max_spec_bytes} bytes (RLVR_VERIFIER__MAX_SPEC_BYTES)",
            )
        if _size(item.completion) > self._settings.max_completion_bytes:
            return incorrect(Reason.TOO_LARGE, f"completion: longer than {self._settings.max_completion_bytes} bytes")
        return None

    async def _grade_isolated(
        self, grader: AsyncGrader, item: verifier_pb2.VerifyItem, timeout_s: float, patient: bool
    ) -> Graded:
        try:
            spec = grader.spec.model_validate_json(item.spec_json or "{}")
            return await grader.grade(item.completion, spec, timeout_s, patient=patient)
        except ValidationError as failure:
            return Graded(invalid(Reason.BAD_SPEC, explain(failure)))
        except InvalidSpec as failure:
            return Graded(invalid(Reason(failure.reason), str(failure)))
        except Overloaded:
            raise
        except Exception as failure:
            log.error("grading failed", verifier=grader.name, exc_info=failure)
            return Graded(error(Reason.GRADER_CRASHED, f"grading raised {type(failure).__name__}"))

    def _keep(self, key: str, verdict: verifier_pb2.Verdict) -> None:
        """Keep what would come out the same again: not our failures, nothing that depends on the load."""
        stable = verdict.outcome in _DETERMINISTIC and verdict.reason not in _LIMITS
        if self._settings.cache_size and stable and verdict.verifier in self._pools:
            self._cache[key] = verdict.SerializeToString()
            if len(self._cache) > self._settings.cache_size:
                self._cache.popitem(last=False)


def _size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
