"""Our verifier as a judge, in process: the room's own pool, with its deadlines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Self

from rlvr.core.settings import LogSettings
from rlvr.core.telemetry import configure_logs
from rlvr.quality.judges import Judgement
from rlvr.quality.rows import Row
from rlvr.v1 import verifier_pb2
from rlvr.verifier.settings import VerifierSettings
from rlvr.verifier.verification import Verification
from rlvr.verifier.wire import outcome_word, reason_word

_KIND = "math"
_AT_A_TIME = 256
_PATIENCE_S = 600.0


class PoolJudge:
    """Grades in worker processes while it is entered. Belongs to the main thread.

    Entering raises CannotStart or ForkerLost when the workers cannot be started.
    """

    name = "rlvr"
    version = ""

    def __enter__(self) -> Self:
        configure_logs(LogSettings(level="error"), room="quality")
        self._runner = asyncio.Runner()
        # Without the cache, whose verdicts cost nothing and would flatter the speed.
        self._verification = Verification(VerifierSettings(kinds=[_KIND], cache_size=0))
        self._runner.run(self._verification.start())
        self.version = self._verification.describe()[0].version
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._verification.close())
        finally:
            self._runner.close()

    def takes(self, row: Row) -> bool:
        return True

    def judge(self, rows: Sequence[Row]) -> Iterator[Judgement]:
        for start in range(0, len(rows), _AT_A_TIME):
            yield from self._runner.run(self._grade(rows[start : start + _AT_A_TIME]))

    async def _grade(self, rows: Sequence[Row]) -> list[Judgement]:
        items = [
            verifier_pb2.VerifyItem(verifier=_KIND, completion=row.completion, spec_json=json.dumps(row.spec))
            for row in rows
        ]
        verdicts = await asyncio.gather(
            *(self._verification.verdict(item, _PATIENCE_S, patient=True) for item in items)
        )
        return [
            Judgement(
                outcome=outcome_word(verdict.outcome),
                reason=reason_word(verdict.reason),
                extracted=verdict.extracted,
                detail=verdict.detail,
                ms=verdict.duration_ms,
            )
            for verdict in verdicts
        ]
