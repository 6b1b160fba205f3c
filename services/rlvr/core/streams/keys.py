"""The names of streams and keys. Fixed per pool, so that an autoscaler can name them."""

from __future__ import annotations

VERDICTS = "rlvr:verdicts"
DEAD = "rlvr:dead"
RUNS = "rlvr:runs"
"""Sorted set of run ids by time of creation."""
LIVE_RUNS = "rlvr:runs:live"
"""The same, of the runs that are pending or running."""


def prompts(policy: str) -> str:
    return f"rlvr:prompts:{policy}"


def traces(verifier: str) -> str:
    return f"rlvr:traces:{verifier}"


def groups(run_id: str) -> str:
    return f"rlvr:groups:{run_id}"


def run(run_id: str) -> str:
    """Hash: all of a run's state. Fields `state`, `step`, ... belong to the coordinator."""
    return f"rlvr:run:{run_id}"


def in_flight(run_id: str) -> str:
    """Sorted set of the run's groups that are admitted and not settled, by sequence number."""
    return f"rlvr:run:{run_id}:in_flight"


def steps(run_id: str) -> str:
    """List of the run's StepRecords."""
    return f"rlvr:run:{run_id}:steps"


def journal(run_id: str) -> str:
    """Hash: step -> the group ids of its batch, written by the trainer before it trains on them."""
    return f"rlvr:run:{run_id}:journal"


def lease(run_id: str) -> str:
    return f"rlvr:run:{run_id}:lease"


def policy(policy_name: str) -> str:
    """Hash: the register's entry of a policy (`version`, `uri`, `manifest_sha256`, `run_id`)."""
    return f"rlvr:policy:{policy_name}"


def group(group_id: str) -> str:
    """Hash: the record of a group (`state`, `size`, ...)."""
    return f"rlvr:group:{group_id}"


def members(group_id: str) -> str:
    """Hash: trace id -> verdict, while a group is being assembled."""
    return f"rlvr:group:{group_id}:members"


def sampled(group_id: str) -> str:
    """A SampledGroup: the claim check."""
    return f"rlvr:sampled:{group_id}"


def verdict(trace_id: str) -> str:
    """Marks that a trace has its verdict; what it is travels on `rlvr:verdicts`."""
    return f"rlvr:verdict:{trace_id}"
