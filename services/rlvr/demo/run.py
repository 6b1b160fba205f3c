"""The demo, from the first verdict to a policy that has learned."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from rlvr.cli.api import Gateway
from rlvr.cli.failure import Failure
from rlvr.cli.follow import follow
from rlvr.cli.policy import init
from rlvr.cli.train import start_run
from rlvr.demo import examples, report
from rlvr.demo.evaluate import Evaluation, evaluate
from rlvr.demo.platform import running_platform
from rlvr.demo.problems import held_out
from rlvr.demo.recipe import MAX_TOKENS, write_run_file
from rlvr.embedded.platform_file import Platform
from rlvr.v1 import common_pb2

AT_MOST_BEFORE = 0.50
AT_LEAST_AFTER = 0.80
_NUM_HELD_OUT = 256
_SAMPLES = 4


def run_demo(*, seed: int, home: Path) -> int:
    """Run the demo; its exit code: 0 when every verdict was right and the policy has learned."""
    console = Console()
    began = time.monotonic()
    home = home.resolve()
    console.rule("1. A platform on this machine")
    with running_platform(home / "platform") as platform, Gateway(platform.gateway) as gateway:
        console.print(f"The API is at {platform.gateway} (reference: {platform.gateway}/docs).")
        _stop_leftovers(gateway)
        console.rule("2. Traces in, verdicts out")
        surprises = examples.show(gateway, console)
        if surprises:
            raise Failure("these verdicts are not as they should be:\n  " + "\n  ".join(surprises))
        console.print("Every verdict is as it should be. An invalid spec has no reward at all, which is not 0.")
        code = _learn(console, gateway, platform, home, seed)
    console.print(f"The platform has stopped. The demo took {time.monotonic() - began:.0f} s.")
    return code


def _learn(console: Console, gateway: Gateway, platform: Platform, home: Path, seed: int) -> int:
    console.rule("3. A small policy, warm-started")
    folder = home / f"policy-tiny-{seed}"
    if folder.exists():
        console.print(f"{folder} is there from an earlier demo.")
    else:
        init("tiny", folder, seed, console)
    sampler = platform.rooms["sampler"].grpc
    problems = held_out(seed, _NUM_HELD_OUT)

    def measure(policy: common_pb2.PolicyVersion) -> Evaluation:
        return evaluate(gateway, sampler, policy, problems, samples=_SAMPLES, max_tokens=MAX_TOKENS, seed=seed)

    initial = common_pb2.PolicyVersion(policy="demo", version=0, uri=str(folder))
    before = measure(initial)
    console.print(
        f"Measured on {_NUM_HELD_OUT} problems that are in neither the warm-start nor the training set, "
        f"{_SAMPLES} completions each, sampled at temperature 1, judged by the math verifier over HTTP."
    )
    _say_accuracy(console, "before training", before)

    console.rule("4. Training on verified rewards")
    run_file = home / "run.toml"
    write_run_file(run_file, seed=seed, policy=folder)
    console.print(f"The run is {run_file}; `rlvr train` would start it just so.")
    run_id = start_run(gateway, run_file)
    code = follow(gateway, run_id, stop_on_interrupt=True, console=console)
    if code != 0:
        return code
    trained = gateway.get_run(run_id)["policy"]
    after = measure(common_pb2.PolicyVersion(**trained))
    rewards = [float(step["mean_reward_all"]) for step in gateway.list_steps(run_id)]

    console.rule("5. What it has learned")
    console.print(report.chart(rewards), highlight=False, markup=False)
    report.write_picture(home / "reward-curve.png", rewards, before, after)
    report.write_traces(home / "traces.jsonl", before, after)
    _say_accuracy(console, "before training", before)
    _say_accuracy(console, "after training ", after)
    console.print(
        f"Curve   {home / 'reward-curve.png'}\nTraces  {home / 'traces.jsonl'} (with their verdicts)\n"
        f"Policy  {trained['uri']}",
        highlight=False,
        soft_wrap=True,
    )
    return _conclude(console, before, after)


def _stop_leftovers(gateway: Gateway) -> None:
    """Runs of an earlier demo that was interrupted would take the sampler and the trainer."""
    for run in gateway.list_runs():
        if run["state"] in ("pending", "running"):
            gateway.stop_run(run["run_id"])


def _say_accuracy(console: Console, when: str, evaluation: Evaluation) -> None:
    low, high = evaluation.interval
    console.print(
        f"Accuracy {when}: [bold]{evaluation.accuracy:.1%}[/] (95 % interval {low:.1%} to {high:.1%})",
        highlight=False,
    )


def _conclude(console: Console, before: Evaluation, after: Evaluation) -> int:
    """Say whether the policy has learned what it should; the exit code."""
    shortcomings = []
    if before.accuracy > AT_MOST_BEFORE:
        shortcomings.append(f"it was right too often before: {before.accuracy:.1%}, over {AT_MOST_BEFORE:.0%}")
    if after.accuracy < AT_LEAST_AFTER:
        shortcomings.append(f"it is right too seldom after: {after.accuracy:.1%}, under {AT_LEAST_AFTER:.0%}")
    if after.interval[0] <= before.interval[1]:
        shortcomings.append("the difference may be chance: the intervals overlap")
    if shortcomings:
        console.print("[bold red]The policy has not learned as it should:[/] " + "; ".join(shortcomings))
        return 1
    console.print("[bold green]The policy has learned[/] from nothing but verdicts.")
    return 0
