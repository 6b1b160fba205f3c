"""The gRPC face of the trainer room."""

from __future__ import annotations

import grpc

from rlvr.trainer.status import TrainerStatus
from rlvr.v1 import trainer_pb2, trainer_pb2_grpc

_STATES = {
    "idle": trainer_pb2.TRAINER_STATE_IDLE,
    "loading": trainer_pb2.TRAINER_STATE_LOADING,
    "waiting": trainer_pb2.TRAINER_STATE_WAITING,
    "training": trainer_pb2.TRAINER_STATE_TRAINING,
    "publishing": trainer_pb2.TRAINER_STATE_PUBLISHING,
}


class TrainerService(trainer_pb2_grpc.TrainerServiceServicer):
    """GetStatus."""

    def __init__(self, status: TrainerStatus) -> None:
        self._status = status

    async def GetStatus(
        self, request: trainer_pb2.TrainerServiceGetStatusRequest, context: grpc.aio.ServicerContext
    ) -> trainer_pb2.TrainerServiceGetStatusResponse:
        status = self._status
        return trainer_pb2.TrainerServiceGetStatusResponse(
            state=_STATES[status.state],
            run_id=status.run_id,
            step=status.step,
            total_steps=status.total_steps,
            groups_ready=status.groups_ready,
            groups_per_step=status.groups_per_step,
        )
