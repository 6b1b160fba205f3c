"""A training step on a real model: every trace computed on its own, and what traces share computed once.

    python tests/bench/bench_training_step.py POLICY [--threads N] [--repeats N]

POLICY is a Hugging Face model folder (SmolLM2-135M). Eight groups of eight traces with 46 prompt tokens and 22 to 32
random completion tokens, which share nothing but the prompt: a policy's own completions share more.
"""

from __future__ import annotations

import argparse
import random
import time

import torch
from transformers import AutoModelForCausalLM

from rlvr.trainer.step import Learner, Recipe, StepMetrics
from rlvr.trainer.traces import Group, Trace


def make_groups(vocabulary: int) -> list[Group]:
    rng = random.Random(0)

    def tokens(count: int) -> list[int]:
        return [rng.randrange(vocabulary) for _ in range(count)]

    groups: list[Group] = []
    for _ in range(8):
        prompt = tokens(46)
        completions = [tokens(rng.randint(22, 32)) for _ in range(8)]
        groups.append([Trace(prompt, ids, [-10.0] * len(ids), float(i % 2)) for i, ids in enumerate(completions)])
    return groups


def measure(policy: str, shared: bool, repeats: int) -> tuple[float, float, StepMetrics]:
    """Seconds of wall and of processor time of the fastest step, forward, backward and optimizer; its figures."""
    model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32, local_files_only=True)
    recipe = Recipe(learning_rate=1e-9, shared_prefixes=shared, max_completion_length=32, micro_batch_tokens=4096)
    learner = Learner(model, recipe, pad_token_id=0)
    assert bool(learner.unshared) is not shared, learner.unshared
    groups = make_groups(model.config.vocab_size)
    metrics = learner.step(groups)
    walls, processor = [], []
    for _ in range(repeats):
        begin = time.perf_counter(), time.process_time()
        learner.step(groups)
        walls.append(time.perf_counter() - begin[0])
        processor.append(time.process_time() - begin[1])
    return min(walls), min(processor), metrics


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("policy")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{'layout':<10}{'tokens':>8}{'TFLOP':>8}{'wall s':>9}{'cpu s':>8}{'loss':>16}{'gradient norm':>16}")
    found = {}
    for name, shared in (("separate", False), ("shared", True)):
        wall, processor, metrics = found[name] = measure(arguments.policy, shared, arguments.repeats)
        print(
            f"{name:<10}{metrics.tokens_computed:>8}{metrics.flops / 1e12:>8.2f}{wall:>9.1f}{processor:>8.1f}"
            f"{metrics.loss:>16.8f}{metrics.grad_norm:>16.6f}",
            flush=True,
        )
    print(f"shared is {found['separate'][0] / found['shared'][0]:.2f}x as fast")
    agree = abs(found["separate"][2].loss - found["shared"][2].loss) <= 1e-5
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
