"""Coverage-guided fuzzing of the math verifier: `make fuzz SECONDS=60`.

An input is a gold answer, a NUL and a completion, in UTF-8. Each goes through extraction, parsing, `prepare` and
`judge`; what must hold is in `check`. A finding is written to the folder of findings, once per kind, and fuzzing goes
on; at the end this prints them and ends with 1 if there are any.

    python tests/fuzz/fuzz_math.py SECONDS [FOLDER]
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["rlvr.verifier"]):
    from rlvr.verifier.math.extraction import extract
    from rlvr.verifier.math.grader import MathGold, MathGrader
    from rlvr.verifier.math.limits import OverBudget, Unparseable
    from rlvr.verifier.math.reading.parser import parse_answer
    from rlvr.verifier.math.spec import MathSpec
    from rlvr.verifier.protocol import InvalidSpec

from math_attacks import ATTACKS, HUGE
from math_triples import TRIPLES
from rlvr.core.verdict import Grade, Outcome

CPU_S = 0.5
"""Processor time that one input may take: ten times what the budgets of the verifier imply."""
RSS_MB = 128
"""Memory that one input may add."""
MAX_CHARS = 1_024
GRADER = MathGrader()
GOLDS = [
    GRADER.prepare(MathSpec.model_validate({"answer": answer, **options}))
    for answer, options in (
        ("42", {}),
        ("1/3", {"tolerance": {"relative": 1e-3}}),
        (r"\sqrt{2}", {"allow_unevaluated": True}),
        ("x^2+1", {}),
        ("f(x)=2x", {}),
        ("(1,2)", {}),
        (r"\{1,2\}", {}),
        ("x>3", {}),
        ("5 m", {}),
        (r"(-\infty,1)\cup(2,3)", {}),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", {}),
        ("B", {}),
        ("12:30", {}),
        (r"\text{Evelyn}", {}),
        ("5 m", {"units": "convert"}),
        ("x^2+C", {"constant_of_integration": "optional"}),
        ("a+b", {"variables": "any"}),
        ("3, 1, 2", {"order": "given"}),
        ("B", {"choices": {"A": "12", "B": r"\frac{1}{3}", "C": "x"}}),
        ("3.14159", {"tolerance": {"significant_digits": 3}}),
        ("May 1, 2023", {}),
        (r"\binom{n}{2}", {}),
    )
]
OPTIONS: list[dict[str, object]] = [
    {"allow_unevaluated": True, "rounding": "exact"},
    {},
    {"units": "convert", "percent": "exact"},
    {"units": "ignore", "variables": "any"},
    {"order": "given", "constant_of_integration": "optional"},
    {"tolerance": {"absolute": 1e-6, "relative": 1e-3}, "allow_unevaluated": True},
]
"""Of the fuzzed golds, one after the other by the length of the gold."""
DICTIONARY = [
    *(r"\frac{", r"\sqrt{", r"\sqrt[", r"\left(", r"\right)", r"\text{", r"\mathrm{", r"\boxed{", r"\pi", r"\infty"),
    *(r"\begin{pmatrix}", r"\end{pmatrix}", r"\\", "&", r"\cup", r"\in", r"\le", r"\ge", r"\pm", r"\cdot", r"\times"),
    *(r"\log_", r"\ln", r"\sin", r"\arcsin", r"\binom{", r"\lfloor", r"\rfloor", r"\{", r"\}", "^{", "_{", "^\\circ"),
    *("!", "%", r"\%", "$", r"\$", "|", ":", "=", "<", ">", ",", ";", " and ", " or ", "not ", "f(x)=", "x", "i", "e"),
    *(" cm", " km", " m", " million", " hours", "1e", "/", "²", "½", "−", "∞", "∪", "≤", "√", "π", "_2", "mod", "²"),
    *("The answer is ", "final answer", "<answer>", "</answer>", "<think>", "</think>", "#### ", "\n"),
]
PLAIN = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40}|/[1-9][0-9]{0,20})?")
"""Numbers whose value is known without our parser."""

CONSTANT = re.compile(r"(?:[0-9+\-*/^(){}.! ]|\\(?:frac|sqrt|cdot|times|pi|sin|cos|ln)(?![a-z]))+")
"""Expressions that are one number, if anything."""


class Finding(AssertionError):
    """Something that must hold does not."""


@contextmanager
def bounded(what: str) -> Iterator[None]:
    """Refuse what takes too long or too much memory."""
    cpu, rss = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    cpu = time.process_time() - cpu
    rss = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss) // 1024
    if cpu > CPU_S:
        raise Finding(f"{what} took {cpu:.1f} s of processor time")
    if rss > RSS_MB:
        raise Finding(f"{what} took {rss} MB")


def judge(completion: str, gold: MathGold) -> Grade:
    """A grade, which is never anything but right or wrong."""
    with bounded("judge"):
        grade = GRADER.judge(completion, gold)
    if grade.outcome not in (Outcome.CORRECT, Outcome.INCORRECT):
        raise Finding(f"judge gave {grade.outcome}")
    return grade


def prepare(answer: str, options: dict[str, object]) -> MathGold | None:
    """The gold, or None where the spec is refused."""
    with bounded("prepare"):
        try:
            return GRADER.prepare(MathSpec.model_validate({"answer": answer, **options}))
        except InvalidSpec:
            return None


def asserted(answer: str, completion: str) -> bool:
    """Whether the completion asserts this answer, and nothing else."""
    return [assertion.text for assertion in extract(completion).assertions] == [answer]


def check(gold_text: str, completion: str) -> None:
    """Everything that must hold for one input."""
    check_reading(gold_text, completion)
    gold_text, answer = gold_text.strip(), completion.strip()
    options = OPTIONS[len(gold_text) % len(OPTIONS)]
    gold = prepare(gold_text, options)
    if gold is not None:
        check_gold(gold_text, gold, is_exact=options is OPTIONS[0])
        if asserted(answer, rf"\boxed{{{answer}}}"):
            check_answer(answer, gold_text, gold, options)


def check_reading(gold_text: str, completion: str) -> None:
    """Nothing fails in another way than it says."""
    with bounded("extract"):
        extract(completion)
    for text in (gold_text, completion):
        with bounded("parse_answer"), suppress(Unparseable, OverBudget):
            parse_answer(text)
    fixed = GOLDS[len(gold_text) % len(GOLDS)]
    judge(completion, fixed)
    judge(rf"\boxed{{{completion}}}", fixed)


def check_gold(text: str, gold: MathGold, *, is_exact: bool) -> None:
    """What is accepted as a gold is its own right answer, and one more is not."""
    itself = rf"\boxed{{{text}}}"
    is_bare = r"\boxed" not in text  # of a gold with a box only the box counts
    if is_bare and asserted(text, itself) and not judge(itself, gold).reward:
        raise Finding("an accepted gold is not its own right answer")
    if is_exact and CONSTANT.fullmatch(text) and judge(rf"\boxed{{({text})+1}}", gold).reward:
        raise Finding("an answer that is off by one is right")


def check_answer(answer: str, gold_text: str, gold: MathGold, options: dict[str, object]) -> None:
    """A verdict does not depend on what is around the box, can be asked for the other way round, and is right where
    that is known without our parser."""
    boxed = rf"\boxed{{{answer}}}"
    grade = judge(boxed, gold)
    for wrapped in (f"We compute.\n\n{boxed}.", rf"$$\boxed{{ {answer} }}$$ That is all.", f"<think>no</think>{boxed}"):
        if not answer.endswith("\\") and judge(wrapped, gold).reward != grade.reward:
            raise Finding("the verdict depends on what is around the box")
    if grade.reward:
        swapped = prepare(answer, options)
        if swapped is not None:
            judge(rf"\boxed{{{gold_text}}}", swapped)
    if options is OPTIONS[0] and PLAIN.fullmatch(answer) and PLAIN.fullmatch(gold_text):
        equal = Fraction(answer) == Fraction(gold_text)
        if equal != bool(grade.reward):
            raise Finding("plain numbers are told apart by their value alone")


def fuzz(folder: Path) -> None:
    """Check inputs until libFuzzer's time is over; findings go to the folder."""
    seen: set[str] = set()

    def one(data: bytes) -> None:
        gold_text, _, completion = data.decode(errors="replace").partition("\0")
        try:
            check(gold_text[:MAX_CHARS], completion[:MAX_CHARS])
        except Exception as failure:  # noqa: BLE001 - what is not expected is what is looked for
            frame = traceback.extract_tb(failure.__traceback__)[-1]
            message = re.sub(r"[0-9.]+", "N", str(failure)) if isinstance(failure, Finding) else ""
            kind = f"{type(failure).__name__} {message} {Path(frame.filename).name}:{frame.lineno}"
            if kind not in seen:
                seen.add(kind)
                report = f"{type(failure).__name__}: {failure}\ngold: {gold_text!r}\ncompletion: {completion!r}\n\n"
                report += "".join(traceback.format_exception(failure))
                (folder / f"{sha256(kind.encode()).hexdigest()[:12]}.txt").write_text(report, errors="replace")

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


def write_seeds(folder: Path) -> None:
    """The table of forms and the attacks as the corpus to begin with."""
    seeds = [(gold, answer) for gold, right, wrong in TRIPLES for answer in (right, wrong)]
    seeds += [(attack.gold, text) for attack in ATTACKS if len(text := attack.text) < MAX_CHARS]
    seeds += [("42", answer) for answer in HUGE.values() if len(answer) < MAX_CHARS]
    for gold, answer in seeds:
        data = f"{gold}\0{answer}".encode()
        (folder / sha256(data).hexdigest()[:16]).write_bytes(data)


def main(seconds: int, folder: Path, num_runs: int = -1) -> int:
    """Run a fuzzing process with a corpus in `folder`, for so long or so many inputs, and print what it found."""
    corpus, findings = folder / "corpus", folder / "findings"
    for part in (corpus, findings):
        part.mkdir(parents=True, exist_ok=True)
    for old in findings.iterdir():
        old.unlink()
    write_seeds(corpus)
    quoted = ("".join(f"\\x{byte:02x}" for byte in entry.encode()) for entry in DICTIONARY)
    (folder / "dictionary").write_text("".join(f'"{entry}"\n' for entry in quoted))
    command = [sys.executable, __file__, f"--findings={findings}", str(corpus)]
    command += [f"-dict={folder / 'dictionary'}", f"-max_total_time={seconds}", f"-artifact_prefix={findings}/"]
    command += [
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-seed=1",
        f"-runs={num_runs}",
        f"-max_len={2 * MAX_CHARS}",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    ended = subprocess.run(command, timeout=seconds + 120).returncode
    found = sorted(findings.iterdir())
    for path in found:
        print(f"\n{path}\n{path.read_text(errors='replace')}")
    print(f"{len(found)} findings; the corpus has {len(list(corpus.iterdir()))} inputs; fuzzing ended with {ended}")
    return 1 if found or ended else 0


if __name__ == "__main__":
    if option := next((argument for argument in sys.argv if argument.startswith("--findings=")), ""):
        sys.argv.remove(option)
        fuzz(Path(option.partition("=")[2]))
    else:
        seconds, *rest = sys.argv[1:]
        folder = Path(rest[0] if rest else "build/fuzz/math")
        raise SystemExit(main(int(seconds), folder, int(rest[1]) if len(rest) > 1 else -1))
