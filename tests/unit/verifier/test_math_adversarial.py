"""Every M-row of the adversarial list has its outcome, and what is to be bounded is, in a real worker."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from math_attacks import ATTACKS, BOUNDED, HUGE, LONG, OPEN, Attack
from rlvr.core import metrics
from rlvr.core.verdict import Grade, Outcome, invalid
from rlvr.v1 import verifier_pb2 as pb
from rlvr.verifier import registry
from rlvr.verifier.math import MathGrader, MathSpec
from rlvr.verifier.pool import Pool, PoolLimits
from rlvr.verifier.pool.forker import Forker
from rlvr.verifier.protocol import InvalidSpec
from rlvr.verifier.wire import outcome_word, reason_word

GRADER = MathGrader()
MEMORY_MB = 256
KNOWN_POINTS = [
    ("0.455162953878061937729171404498629271984100341796875", "1.3039100910259231458354634014540351927280426025390625"),
    ("0.55292922744171679738656166591681540012359619140625", "1.7581622025069842951694454313837923109531402587890625"),
    ("0.955934673199070772398044937290251255035400390625", "1.065493009676754976311485734186135232448577880859375"),
]
"""Real and imaginary parts of points at which expressions were once always compared."""


def numbered(attacks: list[Attack]) -> list[object]:
    """The attacks as parameters: `M05.0`, `M05.1`, ..."""
    return [
        pytest.param(attack, id=f"{row}.{number}")
        for row, group in itertools.groupby(sorted(attacks, key=lambda attack: attack.row), lambda attack: attack.row)
        for number, attack in enumerate(group)
    ]


def grade(attack: Attack) -> Grade:
    try:
        gold = GRADER.prepare(MathSpec.model_validate(attack.spec))
    except InvalidSpec as failure:
        return invalid(failure.reason, str(failure))  # type: ignore[arg-type]
    return GRADER.judge(attack.text, gold)


def test_the_table_has_every_row_of_the_adversarial_list() -> None:
    assert {attack.row for attack in ATTACKS + OPEN} == {f"M{number:02}" for number in range(1, 46)}


@pytest.mark.parametrize("attack", numbered(ATTACKS))
def test_a_row_of_the_adversarial_list_has_its_outcome(
    attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = grade(attack)
    assert given.outcome == attack.wanted, given
    assert not attack.reason or given.reason == attack.reason, given
    assert (given.reward is None) == (given.outcome is Outcome.INVALID)
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@pytest.mark.parametrize("gold", ["x^2+1", r"\sin x", "e^x", r"\frac{1}{x+1}"])
def test_an_answer_tuned_to_known_sample_points_is_wrong(gold: str) -> None:
    nothing_there = "".join(f"(x-{real}-{imaginary}i)" for real, imaginary in KNOWN_POINTS)
    prepared = GRADER.prepare(MathSpec(answer=gold))
    assert GRADER.judge(rf"\boxed{{{gold}+{nothing_there}}}", prepared).reward == 0


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("x", r"\max(x,-10^{9})"),
        ("x", r"\min(x,10^{12})"),
        ("x+1000000", "|x+1000000|"),
        ("|x+1000000|", "x+1000000"),
        ("x", r"\sqrt{(x+10^6)^2}-10^6"),
        ("x+y", r"\max(x+y,-10^{9})"),
        ("x", r"x+\lfloor\frac{|x|}{10^8}\rfloor"),
        ("x", r"x\cdot\frac{|x+10^5|}{x+10^5}"),
        ("x", "x+10^{-70}"),
        ("x", r"x(1+10^{-70})"),
        (r"\sin x", r"\sin(x+10^{-60})"),
    ],
)
def test_formulas_that_differ_far_away_or_by_little_are_told_apart(gold: str, answer: str) -> None:
    assert GRADER.judge(rf"\boxed{{{answer}}}", GRADER.prepare(MathSpec(answer=gold))).reward == 0


AT_THE_BUDGET = [
    *("1e4999", "-1e4999", "1e-4999", "1e4999%", "1/1e4999", "1e4999:9999", "1e4999 cm", "x+1e4999", "1e4999x"),
    *("(1e4999,1)", r"\{1e4999\}", "x>1e4999", "x=1e4999", "1e4999 and 1", r"1e4999^\circ", "f(x)=1e4999", "1e4999i"),
    *(r"\sqrt{1e4999}", r"\sin 1e4999", "1e4999-1e4998", r"\$1e4999", "2^{16000}", r"2^{16000}\%", "3000!", "3000!:7"),
    *(r"\frac{2^{16000}}{3^{9000}}", r"\binom{3000}{1500}", r"\log_{2}(2^{16000})", "1e4999 hours", "1e4999 million"),
    r"\begin{pmatrix}1e4999\end{pmatrix}",
]
"""Numbers that are just about built: larger than Python turns into decimal text."""
GOLDS = (
    *("42", "x+1", r"\sqrt2", "12:30", "2:3", "5 m", "50%", "(1,2)", r"\{1,2\}", "x>3", "x=3", "f(x)=2x", "B", "1e400"),
    *(
        "1/3",
        "3.14159",
        "x^2+C",
        r"45^\circ",
        "May 1, 2023",
        "1, 2",
        "1+2i",
        r"\$5",
        r"\binom{n}{2}",
        "1e4999",
        "2^{16000}",
        "x+1e4999",
    ),
)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"allow_unevaluated": True},
        {"tolerance": {"relative": 0.01, "significant_digits": 5}, "variables": "any", "order": "given"},
    ],
    ids=["default", "unevaluated", "tolerant"],
)
def test_numbers_at_the_budget_get_a_score(options: dict[str, object]) -> None:
    for answer in GOLDS:
        try:
            gold = GRADER.prepare(MathSpec.model_validate({"answer": answer, **options}))
        except InvalidSpec:
            continue
        for text in AT_THE_BUDGET:
            assert GRADER.judge(rf"\boxed{{{text}}}", gold).reward is not None


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """Real workers with a real math grader."""
    forker = Forker({"math": registry.POOLED["math"]})
    await forker.start()
    pool = Pool("math", forker, PoolLimits(workers=2, deadline_s=2.0, memory_mb=MEMORY_MB))
    await pool.start()
    yield pool
    await pool.close()
    await forker.close()


async def through(pool: Pool, attack: Attack) -> pb.Verdict:
    return await pool.grade(pb.VerifyItem(completion=attack.text, spec_json=json.dumps(attack.spec)), 60)


def restarts() -> float:
    """Workers of math pools that were killed, died or had grown."""
    [counter] = metrics.POOL_RESTARTS.collect()
    return sum(sample.value for sample in counter.samples if sample.name.endswith("_total"))


async def test_rows_about_hanging_and_memory_are_bounded_in_a_worker(pool: Pool) -> None:
    lost = restarts()
    attacks = [attack for attack in ATTACKS if attack.row in BOUNDED]
    for attack, verdict in zip(
        attacks, await asyncio.gather(*(through(pool, attack) for attack in attacks)), strict=True
    ):
        given = (outcome_word(verdict.outcome), reason_word(verdict.reason))
        assert given[0] == attack.wanted, (attack.row, given, verdict.detail)
        assert given[1] not in ("time_limit", "memory_limit"), (attack.row, "refused in time, not stopped by a limit")
        assert not attack.reason or given[1] == attack.reason, (attack.row, given)
    for attack, verdict in zip(OPEN, await asyncio.gather(*(through(pool, attack) for attack in OPEN)), strict=True):
        assert outcome_word(verdict.outcome) in ("correct", "incorrect"), (attack.row, verdict.detail)
    assert restarts() == lost, "no worker was lost"
    for member in pool._members:
        assert member.memory() - member.memory_at_fork < MEMORY_MB * 1024 * 1024
    assert (await through(pool, Attack("", r"\boxed{42}"))).outcome == pb.OUTCOME_CORRECT


@pytest.mark.parametrize(
    "gold", ["42", "x+1", r"\sqrt{2}", r"\sqrt{x}+1", r"\binom{n}{3}", r"n!\ln x", "n!", r"\{1,2\}", "x>3", "6 m"]
)
@pytest.mark.parametrize("answer", HUGE.values(), ids=HUGE.keys())
def test_a_huge_value_is_refused_and_never_built(gold: str, answer: str) -> None:
    prepared = GRADER.prepare(MathSpec(answer=gold, allow_unevaluated=True))
    started = time.process_time()
    grade = GRADER.judge(rf"\boxed{{{answer}}}", prepared)
    assert time.process_time() - started < 5  # orders of magnitude above what it takes, and below a hang
    assert grade.reward == 0


@pytest.mark.parametrize("answer", HUGE.values(), ids=HUGE.keys())
def test_a_huge_gold_is_read_or_refused_in_bounded_time(answer: str) -> None:
    started = time.process_time()
    try:
        prepared = GRADER.prepare(MathSpec(answer=answer, allow_unevaluated=True))
    except InvalidSpec as failure:
        assert failure.reason == "gold_unparseable"
    else:
        GRADER.judge(rf"\boxed{{{answer}+1}}", prepared)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("completion", LONG.values(), ids=LONG.keys())
def test_a_long_completion_takes_linear_time(completion: str) -> None:
    prepared = GRADER.prepare(MathSpec(answer="42"))
    started = time.process_time()
    grade = GRADER.judge(completion, prepared)
    assert time.process_time() - started < 2
    assert grade.reward == 0
