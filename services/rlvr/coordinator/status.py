"""A run as Redis keeps it, and as the API tells it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from rlvr.v1 import common_pb2, coordinator_pb2

STATES = {
    "pending": coordinator_pb2.RUN_STATE_PENDING,
    "running": coordinator_pb2.RUN_STATE_RUNNING,
    "stopped": coordinator_pb2.RUN_STATE_STOPPED,
    "succeeded": coordinator_pb2.RUN_STATE_SUCCEEDED,
    "failed": coordinator_pb2.RUN_STATE_FAILED,
}
_DROPPED = "dropped:"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The hash of a run."""

    run_id: str
    spec: coordinator_pb2.RunSpec
    state: str
    step: int
    """Steps done, which is also the version of the policy."""
    next_seq: int
    """Sequence number of the group that is admitted next, which is also the number of those admitted."""
    policy: str
    created_at: float
    started_at: float = 0.0
    ended_at: float = 0.0
    error: str = ""
    groups_trained: int = 0
    traces_scored: int = 0
    window_reward: float = 0.0
    """Sum of rewards of the groups completed since the last step, dropped ones included."""
    window_scored: int = 0
    """Number of traces in that sum."""
    dropped: dict[str, int] = field(default_factory=dict)
    recent_rewards: tuple[float, ...] = ()

    @classmethod
    def parse(cls, run_id: str, fields: dict[bytes, bytes]) -> RunRecord:
        """Read a hash that is not empty."""
        text = {key.decode(): value for key, value in fields.items()}
        recent = text.get("recent_rewards", b"")
        return cls(
            run_id=run_id,
            spec=coordinator_pb2.RunSpec.FromString(text["spec"]),
            state=text["state"].decode(),
            step=int(text["step"]),
            next_seq=int(text["next_seq"]),
            policy=text["policy"].decode(),
            created_at=float(text["created_at"]),
            started_at=float(text.get("started_at", 0)),
            ended_at=float(text.get("ended_at", 0)),
            error=text.get("error", b"").decode(),
            groups_trained=int(text.get("groups_trained", 0)),
            traces_scored=int(text.get("traces_scored", 0)),
            window_reward=float(text.get("window_reward", 0)),
            window_scored=int(text.get("window_scored", 0)),
            dropped={k.removeprefix(_DROPPED): int(v) for k, v in text.items() if k.startswith(_DROPPED)},
            recent_rewards=struct.unpack(f"<{len(recent) // 8}d", recent),
        )


def registered(policy: str, entry: dict[bytes, bytes]) -> common_pb2.PolicyVersion:
    """A register entry that is not empty, as the wire has it."""
    return common_pb2.PolicyVersion(
        policy=policy,
        version=int(entry[b"version"]),
        uri=entry[b"uri"].decode(),
        manifest_sha256=entry[b"manifest_sha256"].decode(),
    )


def run_status(
    run: RunRecord, *, register: dict[bytes, bytes], in_flight: int, waiting: int, trainer_id: str
) -> coordinator_pb2.RunStatus:
    """How a run goes. Its policy has no URI when the name belongs to another run by now."""
    if register.get(b"run_id") == run.run_id.encode():
        policy = registered(run.policy, register)
    else:
        policy = common_pb2.PolicyVersion(policy=run.policy, version=run.step)
    return coordinator_pb2.RunStatus(
        run_id=run.run_id,
        spec=run.spec,
        state=STATES[run.state],
        error=run.error,
        step=run.step,
        policy=policy,
        groups_in_flight=in_flight,
        groups_admitted=run.next_seq,
        groups_trained=run.groups_trained,
        groups_dropped=run.dropped,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        recent_rewards=run.recent_rewards,
        traces_scored=run.traces_scored,
        traces_waiting=waiting,
        trainer_id=trainer_id,
    )
