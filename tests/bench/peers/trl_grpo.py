"""TRL's GRPOTrainer on a file of problems, for `bench_trl.py`. Runs in an environment with trl, knows nothing of rlvr.

usage: trl_grpo.py MODEL PROBLEMS.jsonl STEPS GROUPS GROUP_SIZE MAX_TOKENS TEMPERATURE THREADS OUT_DIR

Prints a JSON line for each step.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class StepTimes(TrainerCallback):
    """Prints what TRL logs of each step, with its wall time."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self._last = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        if logs is None or "reward" not in logs:
            return
        now = time.perf_counter()
        told = {"seconds": now - self._last, "reward": logs["reward"], "tokens": logs["completions/mean_length"]}
        print(json.dumps(told), flush=True)
        self._last = now


def is_right(completions: list[Any], answer: list[str], **kwargs: Any) -> list[float]:
    """1 where the last number of a completion is the answer."""
    found = (re.findall(r"-?\d+", completion[0]["content"]) for completion in completions)
    return [float(numbers[-1:] == [expected]) for numbers, expected in zip(found, answer, strict=True)]


def main() -> None:
    model, problems, steps, groups, group_size, max_tokens, temperature, threads, out = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    rows = [json.loads(line) for line in Path(problems).read_text().splitlines()]
    data = Dataset.from_list([{"prompt": row["prompt"], "answer": row["spec"]["answer"]} for row in rows])
    config = GRPOConfig(
        output_dir=out,
        max_steps=int(steps),
        per_device_train_batch_size=int(groups) * int(group_size),
        num_generations=int(group_size),
        max_completion_length=int(max_tokens),
        learning_rate=1e-6,
        lr_scheduler_type="constant",
        beta=0.0,
        temperature=float(temperature),
        loss_type="dapo",
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to=[],
        logging_steps=1,
        model_init_kwargs={"dtype": "float32"},
        disable_tqdm=True,
    )
    GRPOTrainer(model=model, reward_funcs=is_right, args=config, train_dataset=data, callbacks=[StepTimes()]).train()


if __name__ == "__main__":
    main()
