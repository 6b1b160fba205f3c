"""The gRPC face of the trainer room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc

from rlvr.core.errors import FieldViolation, InvalidRequest
from rlvr.trainer.status import TrainerStatus
from rlvr.v1 import trainer_pb2, trainer_pb2_grpc

if TYPE_CHECKING:
    from rlvr.trainer.transfer import WeightSender

_STATES = {
    "idle": trainer_pb2.TRAINER_STATE_IDLE,
    "loading": trainer_pb2.TRAINER_STATE_LOADING,
    "waiting": trainer_pb2.TRAINER_STATE_WAITING,
    "training": trainer_pb2.TRAINER_STATE_TRAINING,
    "publishing": trainer_pb2.TRAINER_STATE_PUBLISHING,
}


class TrainerService(trainer_pb2_grpc.TrainerServiceServicer):
    """GetStatus, OfferWeights, SendWeights."""

    def __init__(self, status: TrainerStatus, weights: WeightSender) -> None:
        self._status = status
        self._weights = weights

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

    async def OfferWeights(
        self, request: trainer_pb2.OfferWeightsRequest, context: grpc.aio.ServicerContext
    ) -> trainer_pb2.OfferWeightsResponse:
        if request.receivers < 1:
            wrong = FieldViolation("receivers", f"must be at least 1, not {request.receivers}")
            raise InvalidRequest(f"{wrong.field}: {wrong.description}", violations=[wrong])
        unique_id, tensors = self._weights.offer(request.manifest_sha256, request.receivers)
        return trainer_pb2.OfferWeightsResponse(
            unique_id=unique_id,
            tensors=[
                trainer_pb2.WeightTensor(name=name, dtype=str(tensor.dtype).removeprefix("torch."), shape=tensor.shape)
                for name, tensor in tensors.items()
            ],
        )

    async def SendWeights(
        self, request: trainer_pb2.SendWeightsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[trainer_pb2.SendWeightsResponse]:
        with self._weights.lend(request.unique_id) as loan:
            yield trainer_pb2.SendWeightsResponse(sent=False)
            await self._weights.send(loan)
        yield trainer_pb2.SendWeightsResponse(sent=True)
