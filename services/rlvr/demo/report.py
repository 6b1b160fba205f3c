"""What the demo leaves behind: the reward curve as text and as a picture, and the traces with their verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlvr.cli.progress import bucket_means
from rlvr.demo.evaluate import Evaluation

_BLOCKS = " ▁▂▃▄▅▆▇█"


def chart(rewards: list[float], *, width: int = 64, height: int = 10) -> str:
    """Rewards in [0, 1] over the steps of a run, as rows of blocks under a labelled axis."""
    columns = bucket_means(rewards, width)
    rows = []
    for row in range(height, 0, -1):
        label = f"{row / height:4.1f} ┤" if row % 2 == 0 else "     │"
        cells = (min(max(column * height - (row - 1), 0.0), 1.0) for column in columns)
        rows.append(label + "".join(_BLOCKS[round(cell * (len(_BLOCKS) - 1))] for cell in cells))
    rows.append(" 0.0 └" + "─" * len(columns))
    rows.append(f"      step 1{f'step {len(rewards)}':>{max(0, len(columns) - 6)}}")
    return "\n".join(rows)


def write_picture(path: Path, rewards: list[float], before: Evaluation, after: Evaluation) -> None:
    """The reward of each step, its moving mean, and the held-out accuracies, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot(range(1, len(rewards) + 1), rewards, color="tab:blue", alpha=0.3, linewidth=1, label="mean reward")
    axes.plot(range(1, len(rewards) + 1), _smoothed(rewards), color="tab:blue", label="mean reward, last 20 steps")
    accuracies = [before.accuracy, after.accuracy]
    axes.plot([0, len(rewards)], accuracies, "o", color="tab:green", label="accuracy, held-out problems")
    for step, accuracy in zip((0, len(rewards)), accuracies, strict=True):
        axes.annotate(f"{accuracy:.0%}", (step, accuracy), textcoords="offset points", xytext=(0, 8), ha="center")
    axes.set(xlabel="step", ylabel="reward", ylim=(0, 1.05), title="rlvr demo: sums, verified rewards only")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def write_traces(path: Path, *evaluations: Evaluation) -> None:
    """One completion with its verdict per line."""
    traces: list[dict[str, Any]] = [trace for evaluation in evaluations for trace in evaluation.traces]
    path.write_text("".join(json.dumps(trace, ensure_ascii=False) + "\n" for trace in traces))


def _smoothed(values: list[float], window: int = 20) -> list[float]:
    return [
        sum(values[max(0, end - window) : end]) / len(values[max(0, end - window) : end])
        for end in range(1, len(values) + 1)
    ]
