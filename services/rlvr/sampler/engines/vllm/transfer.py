"""A newer version's weights straight from the trainer's GPU (vLLM's weight transfer over NCCL), or not at all.

    trainer   OfferWeights, SendWeights: lends them      joins                          broadcasts            sent
    server                                               /init_weight_transfer_engine   /start_weight_update, /update...

Files remain what a version is: the trainer is asked for the version of the folder's manifest, and must offer the very
tensors that the files have. Whatever goes wrong before the server's weights are touched means that the files are read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from rlvr.core.errors import RlvrError
from rlvr.core.manifest import MANIFEST_NAME
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.telemetry import get_logger
from rlvr.sampler.engines.vllm.api import ServerBroke, ServerLost, ServerRefused, TensorInfo, VllmApi
from rlvr.sampler.engines.vllm.folder import PolicyFolder
from rlvr.v1 import trainer_pb2, trainer_pb2_grpc

log = get_logger("transfer")

_ASK_S = 10.0
_HEAD = "lm_head.weight"
"""May be in the files of a model whose head is tied to its embeddings, and is then no parameter of its own."""


class _NotOffered(Exception):
    """Why the files are read."""


class Incoming:
    """Weights that the trainer is about to broadcast to a server."""

    def __init__(
        self,
        api: VllmApi,
        tensors: list[TensorInfo],
        call: grpc.aio.UnaryStreamCall[trainer_pb2.SendWeightsRequest, trainer_pb2.SendWeightsResponse],
    ) -> None:
        self._api = api
        self._tensors = tensors
        self._call = call
        self._responses = aiter(call)
        self._sending: asyncio.Task[None] | None = None

    async def join(self, unique_id: bytes, size: int) -> None:
        """Connect the server's ranks to the trainer.

        Raises:
            RlvrError, ServerRefused, ServerBroke: it did not come to that; the server goes on.
            ServerLost: the server is gone, or waits for a trainer that will not come.
        """
        with rlvr_errors():
            await anext(self._responses, None)
        self._sending = asyncio.create_task(self._until_sent())
        await self._unless_sender_fails(self._api.join_transfer(unique_id, size))

    async def receive(self) -> None:
        """Put the weights into the server. Where this fails, the server's weights are unknown.

        Raises:
            ServerRefused, ServerLost: it failed, on either side.
        """
        await self._api.start_update()
        await self._unless_sender_fails(self._api.receive_weights(self._tensors))
        await self._api.finish_update()
        # What was received counts only when the trainer says that it was all of one version.
        assert self._sending is not None
        await self._sending

    def stop(self) -> None:
        """Tell the trainer that nobody takes the rest."""
        self._call.cancel()
        if self._sending is not None:
            self._sending.cancel()

    async def _until_sent(self) -> None:
        try:
            with rlvr_errors():
                response = await anext(self._responses, None)
        except RlvrError as failure:
            raise ServerLost(f"the trainer failed to send the weights: {failure.detail}") from failure
        if response is None or not response.sent:
            raise ServerLost("the trainer did not say that it has sent the weights")

    async def _unless_sender_fails(self, call: Coroutine[Any, Any, None]) -> None:
        """A call in which the server waits for the trainer: nobody tells it when that has failed."""
        assert self._sending is not None
        calling = asyncio.create_task(call)
        try:
            await asyncio.wait({calling, self._sending}, return_when=asyncio.FIRST_COMPLETED)
            if self._sending.done():
                self._sending.result()
            await calling
        finally:
            calling.cancel()


class WeightTransfer:
    """Asks a trainer for versions."""

    def __init__(self, trainer: trainer_pb2_grpc.TrainerServiceStub) -> None:
        self._trainer = trainer

    @asynccontextmanager
    async def connect(self, api: VllmApi, folder: PolicyFolder) -> AsyncIterator[Incoming | None]:
        """Connect a server to the trainer for a version; None when its files are to be read instead, with the server's
        weights as they were.

        Raises:
            ServerLost, ServerRefused: the server is gone, or hangs, or cannot leave what it has joined.
        """
        try:
            incoming = await self._connect(api, folder)
        except _NotOffered as why:
            log.warning("the weights are read from files", folder=folder.path, why=str(why))
            yield None
            return
        try:
            yield incoming
            await api.leave_transfer()
        finally:
            incoming.stop()

    async def _connect(self, api: VllmApi, folder: PolicyFolder) -> Incoming:
        try:
            digest = await asyncio.to_thread(_manifest_digest, folder)
            receivers = await api.world_size()
            request = trainer_pb2.OfferWeightsRequest(manifest_sha256=digest, receivers=receivers)
            with rlvr_errors():
                offer = await self._trainer.OfferWeights(request, timeout=_ASK_S)
        except (OSError, RlvrError, ServerRefused, ServerBroke) as failure:
            raise _NotOffered(str(failure)) from failure
        tensors = [TensorInfo(tensor.name, tensor.dtype, tuple(tensor.shape)) for tensor in offer.tensors]
        _check_are(tensors, folder)
        # Without a deadline: the trainer has one.
        call = self._trainer.SendWeights(trainer_pb2.SendWeightsRequest(unique_id=offer.unique_id))
        incoming = Incoming(api, tensors, call)
        try:
            await incoming.join(offer.unique_id, receivers + 1)
        except (RlvrError, ServerRefused, ServerBroke) as failure:
            incoming.stop()
            raise _NotOffered(str(failure)) from failure
        except BaseException:
            incoming.stop()
            raise
        return incoming


def _manifest_digest(folder: PolicyFolder) -> str:
    return hashlib.sha256((Path(folder.path) / MANIFEST_NAME).read_bytes()).hexdigest()


def _check_are(tensors: list[TensorInfo], folder: PolicyFolder) -> None:
    """Raise _NotOffered unless these are the tensors of the folder's files, by name and shape."""
    offered = {tensor.name: tensor.shape for tensor in tensors}
    tied = {_HEAD} if folder.config.get("tie_word_embeddings") else set()
    for name in sorted((offered.keys() | folder.shapes.keys()) - tied):
        if offered.get(name) != folder.shapes.get(name):
            raise _NotOffered(
                f"tensor {name} is {folder.shapes.get(name)} in the files and {offered.get(name)} in the trainer"
            )
