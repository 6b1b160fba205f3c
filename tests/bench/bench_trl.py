"""The whole loop on a real model beside TRL's GRPOTrainer: the same model, problems, sampling and machine, one run.

    python tests/bench/bench_trl.py POLICY --trl PYTHON [--vllm PYTHON] [--staleness 0 4] [--rounds 2]

POLICY is a Hugging Face model folder (SmolLM2-135M-Instruct); PYTHON are interpreters of environments with trl, and
with vLLM (without it the transformers engine samples). A step is 8 groups of 8 traces of at most 32 tokens, on sums of
reasoning-gym's. The first is not counted, nor are those of ours whose groups were admitted when the run began. Groups
without variance are trained on, as TRL does, and not sampled anew. The ways take turns, `--rounds` times each, since a
shared machine may be twice as fast a minute later; a row is the mean of its rounds.

Budget: 2.5 times TRL's samples per second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from platforms import lags, platform, train
from rlvr.coordinator.sources.gym import Gym
from rlvr.core.run_spec import ReasoningGymSource

GROUPS, GROUP_SIZE, MAX_TOKENS, TEMPERATURE = 8, 8, 32, 0.7
BUDGET = 2.5
PEER = Path(__file__).parent / "peers" / "trl_grpo.py"


@dataclass(frozen=True, slots=True)
class Row:
    """What one way of training took, per step."""

    name: str
    seconds: float
    tokens: float
    """Completion tokens of a trace."""
    stages: dict[str, float] = field(default_factory=dict)
    lags: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Samples trained on per second."""
        return GROUPS * GROUP_SIZE / self.seconds


def mean_row(rounds: list[Row]) -> Row:
    """Of one way, whose rounds have as many steps each."""
    count = len(rounds)
    return Row(
        rounds[0].name,
        sum(row.seconds for row in rounds) / count,
        sum(row.tokens for row in rounds) / count,
        {name: sum(row.stages[name] for row in rounds) / count for name in rounds[0].stages},
        dict(sum((Counter(row.lags) for row in rounds), Counter())),
    )


def line(row: Row, trl: Row | None) -> str:
    """Of the table."""
    told = ", ".join(f"{name} {value:.1f}" for name, value in row.stages.items())
    of_trl = f"{row.rate / trl.rate:.2f}" if trl else ""
    cells = (row.name, f"{row.rate:.2f}", of_trl, f"{row.seconds:.1f}", f"{row.tokens:.1f}", told, str(row.lags or ""))
    return f"| {' | '.join(cells)} |"


def write_problems(path: Path) -> None:
    """As the coordinator makes them of a RUN.toml."""
    digits = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    source = Gym(ReasoningGymSource(kind="reasoning_gym", name="chain_sum", config=digits, seed=1, size=1000))
    rows = []
    for problem in map(source.problem, range(len(source))):
        prompt = [{"role": message.role, "content": message.content} for message in problem.prompt]
        rows.append({"prompt": prompt, "verifier": problem.verifier, "spec": json.loads(problem.spec_json)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def measure_trl(python: str, policy: Path, problems: Path, steps: int, threads: int, folder: Path) -> Row:
    """TRL, from its second step on."""
    sizes = [1 + steps, GROUPS, GROUP_SIZE, MAX_TOKENS, TEMPERATURE, threads]
    command = [python, PEER, policy, problems, *sizes, folder / "trl"]
    output = subprocess.run(list(map(str, command)), cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [json.loads(line) for line in output.splitlines() if line.startswith('{"seconds"')][1:]
    return Row(
        "TRL",
        sum(step["seconds"] for step in found) / len(found),
        sum(step["tokens"] for step in found) / len(found),
    )


def measure_rlvr(url: str, policy: Path, problems: Path, staleness: int, steps: int) -> Row:
    """A run of ours. Its first S + 1 steps take groups that were admitted at once, when it began."""
    recipe = {
        "steps": staleness + 1 + steps,
        "groups_per_step": GROUPS,
        "max_staleness": staleness,
        "learning_rate": 1e-6,
        "max_replacements": 0,
        "micro_batch_tokens": 4096,
        "checkpoint_every": 1000,
    }
    spec = {
        "name": f"s{staleness}",
        "policy_path": str(policy),
        "problems": {"kind": "jsonl", "path": str(problems)},
        "group_size": GROUP_SIZE,
        "sampling": {"max_tokens": MAX_TOKENS, "temperature": TEMPERATURE},
        "training": recipe,
    }
    records = train(url, spec)
    counted = records[staleness + 1 :]
    seconds = (records[-1]["completed_at"] - records[staleness]["completed_at"]) / len(counted)

    def mean(name: str) -> float:
        return sum(float(record[name]) for record in counted) / len(counted)

    stages = {name: mean(f"{name}_seconds") for name in ("sample", "verify", "train", "publish", "wait")}
    tokens = mean("sampled_tokens") / (GROUPS * GROUP_SIZE)
    return Row(f"rlvr, S = {staleness}", seconds, tokens, stages, lags(counted))


def settings(staleness: int, vllm: str | None, cores: int) -> dict[str, str]:
    """The platform's: rooms that work in turn have all cores each, those that work at once half of them."""
    threads = str(max(1, cores // 2) if staleness else cores)
    found = {"RLVR_SAMPLER__THREADS": threads, "RLVR_TRAINER__THREADS": threads}
    if vllm:
        found |= {"RLVR_SAMPLER__ENGINE": "vllm", "RLVR_SAMPLER__VLLM__PYTHON": vllm}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", type=Path)
    parser.add_argument("--trl", help="interpreter with trl")
    parser.add_argument("--vllm", help="interpreter with vLLM")
    parser.add_argument("--staleness", type=int, nargs="+", default=[0, 4])
    parser.add_argument("--steps", type=int, default=6, help="that are counted")
    parser.add_argument("--trl-steps", type=int, default=3, help="that are counted")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, policy, cores = Path(name), options.policy.resolve(), len(os.sched_getaffinity(0))
        problems = folder / "problems.jsonl"
        write_problems(problems)
        print("| | samples/s | x TRL | s/step | tokens a trace | seconds of a step | lags |")
        print("|---|---|---|---|---|---|---|", flush=True)
        taken: dict[str, list[Row]] = {}

        def add(row: Row) -> None:
            taken.setdefault(row.name, []).append(row)
            print(line(row, taken["TRL"][-1] if "TRL" in taken else None), flush=True)

        for turn in range(options.rounds):
            if options.trl:
                add(measure_trl(options.trl, policy, problems, options.trl_steps, cores, folder))
            for staleness in options.staleness:
                with platform(folder / f"home-{turn}-{staleness}", settings(staleness, options.vllm, cores)) as url:
                    add(measure_rlvr(url, policy, problems, staleness, options.steps))
    means = {name: mean_row(rounds) for name, rounds in taken.items()}
    trl = means.get("TRL")
    if options.rounds > 1:
        print("\nMean of the rounds:\n", *(line(row, trl) for row in means.values()), sep="\n")
    if trl is None:
        return 0
    best = max(row.rate / trl.rate for row in means.values() if row is not trl)
    print(f"\n{best:.2f} x TRL, {'within' if best >= BUDGET else 'BELOW'} the budget of {BUDGET}")
    return 0 if best >= BUDGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
