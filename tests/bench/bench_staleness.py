"""Sampling ahead of training: traces trained on per second at S = 0 and at S = 4, in the same run of a platform.

    python tests/bench/bench_staleness.py [--steps N]

The policy has the tiny preset's shape and random weights; a format check that is right now and then rewards it.
`bench_trl.py` measures the same on SmolLM2 and vLLM.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from platforms import lags, platform, train

GROUPS_PER_STEP, GROUP_SIZE = 16, 8


def make_policy(folder: Path) -> None:
    """Random weights in the tiny preset's shape, with its tokenizer."""
    import torch

    from rlvr.trainer.presets import PRESETS
    from rlvr.trainer.tokenizer import build_tokenizer
    from rlvr.trainer.warmstart import build_model

    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    build_model(PRESETS["tiny"], tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def measure(url: str, policy: Path, problems: Path, staleness: int, steps: int) -> tuple[float, dict[int, int]]:
    """Traces trained on per second, from the end of the first step to that of the last; lag -> traces."""
    recipe = {
        "steps": steps,
        "groups_per_step": GROUPS_PER_STEP,
        "max_staleness": staleness,
        "learning_rate": 1e-6,
        "max_replacements": 1,
    }
    spec = {
        "name": f"s{staleness}",
        "policy_path": str(policy),
        "problems": {"kind": "jsonl", "path": str(problems)},
        "group_size": GROUP_SIZE,
        "sampling": {"max_tokens": 24},
        "training": recipe,
    }
    records = train(url, spec)
    seconds = records[-1]["completed_at"] - records[0]["completed_at"]
    return (len(records) - 1) * GROUPS_PER_STEP * GROUP_SIZE / seconds, lags(records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, policy, problems = Path(folder) / "home", Path(folder) / "policy", Path(folder) / "problems.jsonl"
        make_policy(policy)
        row = {"verifier": "format", "spec": {"pattern": "(?s).*[0-4].*[0-4].*[0-4].*"}}
        problems.write_text("".join(json.dumps({"prompt": f"{n} + {n} =", **row}) + "\n" for n in range(100)))
        with platform(home) as url:
            print("| S | traces/s | x S = 0 | lags |\n|---|---|---|---|")
            base = 0.0
            for staleness in (0, 4):
                rate, seen = measure(url, policy, problems, staleness, options.steps)
                base = base or rate
                print(f"| {staleness} | {rate:,.0f} | {rate / base:.2f} | {seen} |", flush=True)


if __name__ == "__main__":
    main()
