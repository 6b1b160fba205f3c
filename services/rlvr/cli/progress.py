"""How a run goes, worked out from what the gateway reports of it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

_WINDOW_S = 20.0
"""Rates are over this much of the past."""
_BLOCKS = "▁▂▃▄▅▆▇█"

ENDED = ("succeeded", "failed", "stopped")


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    sampled: int
    scored: int
    trained: int
    step: int


@dataclass(slots=True)
class Account:
    """What a run's steps took, summed over the groups trained on."""

    prompt_tokens: int = 0
    sampled_tokens: int = 0
    prefill_tokens_saved: int = 0
    train_tokens: int = 0
    train_tokens_saved: int = 0
    sample_seconds: float = 0.0
    verify_seconds: float = 0.0
    train_seconds: float = 0.0
    sample_flops: float = 0.0
    """Estimated, like `train_flops`."""
    train_flops: float = 0.0
    publish_seconds: float = 0.0

    def add(self, record: dict[str, Any]) -> None:
        """Take in a StepRecord."""
        for name in asdict(self):
            before = getattr(self, name)
            setattr(self, name, before + type(before)(record.get(name, 0)))


@dataclass
class Progress:
    """A run as it was last seen, and how fast it moves."""

    run_id: str
    name: str = ""
    state: str = "pending"
    error: str = ""
    step: int = 0
    steps: int = 0
    rewards: list[float] = field(default_factory=list)
    """Mean reward of each completed step: of all groups that the policy completed, dropped ones included."""
    mean_lag: float = 0.0
    """Of the traces of the last completed step."""
    max_lag: int = 0
    """Over all steps seen."""
    dropped: dict[str, int] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    gap: tuple[float, float, float] | None = None
    """Between the trainer's and the sampler's log-probabilities in the last step: mean, maximum, k3."""
    truncated: float = 0.0
    """Share of the last step's tokens whose importance weight was cut to its cap."""
    _trained: int = 0
    _samples: deque[_Sample] = field(default_factory=deque)

    def see(self, run: dict[str, Any], records: list[dict[str, Any]], now: float) -> None:
        """Take in a RunStatus, and the StepRecords that are new since the last call; `now` in seconds."""
        self.name = run["spec"]["name"]
        self.state = run["state"]
        self.error = run.get("error", "")
        self.steps = int(run["spec"]["training"]["steps"])
        self.dropped = {reason: int(count) for reason, count in run.get("groups_dropped", {}).items() if int(count)}
        for record in records:
            self._see_step(record)
        self.step = max(int(run["step"]), len(self.rewards))
        scored = int(run.get("traces_scored", 0))
        sampled = scored + int(run.get("traces_waiting", 0))
        self._samples.append(_Sample(now, sampled, scored, self._trained, self.step))
        while len(self._samples) > 2 and now - self._samples[0].at > _WINDOW_S:
            self._samples.popleft()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def traces_per_second(self) -> tuple[float, float, float]:
        """Sampled, scored, trained on."""
        return self._rate("sampled"), self._rate("scored"), self._rate("trained")

    @property
    def seconds_left(self) -> float | None:
        """None until a step's duration is known."""
        rate = self._rate("step")
        return (self.steps - self.step) / rate if rate > 0 else None

    def recent_reward(self, count: int = 10) -> float | None:
        """Mean reward of the last `count` steps; None before the first."""
        recent = self.rewards[-count:]
        return sum(recent) / len(recent) if recent else None

    def _see_step(self, record: dict[str, Any]) -> None:
        reward = record.get("mean_reward_all", record.get("mean_reward", 0.0))
        self.rewards.append(float(reward))
        self._trained += int(record.get("traces", 0))
        self.account.add(record)
        mean, largest, k3 = (float(record.get(f"logprob_diff_{name}", 0.0)) for name in ("mean", "max", "k3"))
        self.gap = (mean, largest, k3)
        self.truncated = float(record.get("truncated_fraction", 0.0))
        lags = {int(lag): int(count) for lag, count in record.get("lags", {}).items()}
        if lags:
            self.mean_lag = sum(lag * count for lag, count in lags.items()) / sum(lags.values())
            self.max_lag = max(self.max_lag, *lags)

    def _rate(self, of: str) -> float:
        if len(self._samples) < 2:
            return 0.0
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        return max(0.0, (getattr(last, of) - getattr(first, of)) / seconds) if seconds > 0 else 0.0


def sparkline(values: list[float], width: int) -> str:
    """Values in [0, 1] as a row of blocks, `width` at most, each the mean of its share of the values."""
    means = bucket_means(values, width)
    return "".join(_BLOCKS[min(int(max(mean, 0.0) * len(_BLOCKS)), len(_BLOCKS) - 1)] for mean in means)


def bucket_means(values: list[float], count: int) -> list[float]:
    """The values in `count` shares of equal size (fewer when there are fewer values), each as its mean."""
    count = min(count, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)] if count else [0]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def amount(value: float) -> str:
    """For a person: `950`, `12.3k`, `4.56T`."""
    units = ["", "k", "M", "G", "T", "P"]
    while abs(value) >= 1000 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.3g}{units[0]}"


def duration(seconds: float) -> str:
    """For a person: `1:05`, `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
