"""A communicator over NCCL with the ranks of a vLLM server, as its weight transfer (0.32) expects its trainer to be.

Not run by the tests, which have no GPU: they run the same transfer over another `Network`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.cuda import nccl


class NcclNetwork:
    """A `Network` between GPUs."""

    def why_not(self, device: torch.device) -> str:
        if device.type != "cuda":
            return f"this trainer computes on {device}: weights are sent over NCCL from a GPU only"
        if not hasattr(torch._C, "_nccl_init_rank"):
            return "this trainer's torch has no NCCL"
        return ""

    def unique_id(self) -> bytes:
        return bytes(nccl.unique_id())

    def join(self, unique_id: bytes, size: int, device: torch.device) -> NcclGroup:
        return NcclGroup(unique_id, size, device)


class NcclGroup:
    """Rank 0 of a communicator of raw NCCL calls, which vLLM's PyNcclCommunicator makes on the other side."""

    def __init__(self, unique_id: bytes, size: int, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            # One of its own: on that of training, kernels would wait for receivers.
            self._stream = torch.cuda.Stream()
            self._comm = nccl.init_rank(size, unique_id, 0)
            # The other side does the same before anything else (PyNcclCommunicator.from_unique_id_bytes).
            with torch.cuda.stream(self._stream):
                nccl.all_reduce([torch.zeros(1, device=device)], streams=[self._stream], comms=[self._comm])
            self._stream.synchronize()

    def broadcast(self, tensor: Tensor) -> None:
        with torch.cuda.device(self._device):
            nccl.broadcast([tensor], root=0, streams=[self._stream], comms=[self._comm])

    def finish(self) -> None:
        self._stream.synchronize()
