"""Weights that were published, sent from where they are: a sampler asks, and takes them over a communicator.

    hold(v) ──> offer ──> take ──> send: join, broadcast ──> sent      withdraw: waits for what is lent; holds nothing
                                     '── given up, or too late ──> void

The live parameters are lent, not a copy of them: between their publication and the next update they are exactly what
the files say, which the manifest's digest names. An update waits for a loan, but not for ever: one that is void is
never reported as sent, and its receivers must forget what they have.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from rlvr.core.errors import Conflict, DeadlineExceeded, Unavailable
from rlvr.core.telemetry import get_logger

log = get_logger("transfer")


class Group(Protocol):
    """The sender's end of a communicator; it is rank 0. All methods block."""

    def broadcast(self, tensor: Tensor) -> None:
        """Send a contiguous tensor to all receivers. It is read until `finish` returns."""
        ...

    def finish(self) -> None:
        """Wait until all is sent."""
        ...


class Network(Protocol):
    """Makes communicators."""

    def why_not(self, device: torch.device) -> str:
        """Why nothing can be sent from this device; empty when it can."""
        ...

    def unique_id(self) -> bytes:
        """A name for a new communicator, by which others find it."""
        ...

    def join(self, unique_id: bytes, size: int, device: torch.device) -> Group:
        """Wait, for ever if need be, until all `size` ranks have joined.

        Raises:
            RuntimeError: they cannot.
        """
        ...


@dataclass(eq=False, slots=True)
class Loan:
    """Parameters that must not change until it ends."""

    unique_id: bytes
    tensors: dict[str, Tensor]
    receivers: int
    deadline: float
    """On the monotonic clock."""
    begun: bool = False


@dataclass(frozen=True, slots=True)
class _Offer:
    manifest_sha256: str
    receivers: int


@dataclass(frozen=True, slots=True)
class _Held:
    manifest_sha256: str
    tensors: dict[str, Tensor]


class WeightSender:
    """Lends a model's parameters to samplers while they are what was published. Safe to use from any thread."""

    def __init__(self, network: Network, timeout_s: float) -> None:
        self._network = network
        self._timeout_s = timeout_s
        self._held: _Held | None = None
        self._offers: dict[bytes, _Offer] = {}
        self._loans: set[Loan] = set()
        self._stuck = 0
        """Loans that are void and yet in the hands of a communicator, from which they cannot be taken."""
        self._changed = threading.Condition()

    def hold(self, manifest_sha256: str, model: nn.Module) -> None:
        """Say that a model's parameters are what was published with this manifest. `withdraw` before they change."""
        tensors = {name: parameter.detach() for name, parameter in model.named_parameters()}
        with self._changed:
            self._held = _Held(manifest_sha256, tensors)

    def withdraw(self) -> None:
        """Hold nothing any more, and wait until nothing is lent. Blocking, for as long as a loan may last."""
        with self._changed:
            self._held = None
            self._offers.clear()
            while self._loans:
                now = time.monotonic()
                for loan in [loan for loan in self._loans if loan.deadline <= now]:
                    self._void(loan)
                if self._loans:
                    self._changed.wait(min(loan.deadline for loan in self._loans) - now)

    def offer(self, manifest_sha256: str, receivers: int) -> tuple[bytes, dict[str, Tensor]]:
        """The name of a communicator, and what will be sent over it to whoever takes the offer, in this order.

        Raises:
            Conflict: the weights are not here as they were published, or cannot be sent from here.
        """
        with self._changed:
            if self._stuck:
                raise Conflict("an earlier transfer has not ended: start this trainer again when it can be spared")
            held = self._held
            if held is None or held.manifest_sha256 != manifest_sha256:
                raise Conflict(f"this trainer does not hold the weights of manifest {manifest_sha256}")
            if why := self._network.why_not(next(iter(held.tensors.values())).device):
                raise Conflict(why)
            unique_id = self._network.unique_id()
            self._offers[unique_id] = _Offer(manifest_sha256, receivers)
        return unique_id, held.tensors

    @contextmanager
    def lend(self, unique_id: bytes) -> Iterator[Loan]:
        """Take an offer: the weights remain as they are while they are lent, for `send`.

        Raises:
            Conflict: there is no such offer any more.
        """
        with self._changed:
            offer = self._offers.pop(unique_id, None)
            if offer is None or self._held is None or self._held.manifest_sha256 != offer.manifest_sha256:
                raise Conflict("there is no such offer, or not any more: the weights have changed, or it was taken")
            loan = Loan(unique_id, self._held.tensors, offer.receivers, time.monotonic() + self._timeout_s)
            self._loans.add(loan)
        try:
            yield loan
        finally:
            with self._changed:
                self._void(loan)

    async def send(self, loan: Loan) -> None:
        """Send what was lent.

        Raises:
            Unavailable: the communicator failed.
            DeadlineExceeded: it took too long.
        """
        with self._changed:
            if loan not in self._loans:
                raise self._too_late()
            loan.begun = True
        sent: Future[None] = Future()
        # A daemon: one that hangs in the communicator must not keep the process from ending.
        threading.Thread(target=self._run, args=(loan, sent), daemon=True, name="transfer").start()
        end = asyncio.wrap_future(sent)
        # Somebody has looked at its exception, also when nobody waits any more.
        end.add_done_callback(lambda end: end.cancelled() or end.exception())
        try:
            async with asyncio.timeout(loan.deadline - time.monotonic()):
                await asyncio.shield(end)
        except TimeoutError:
            raise self._too_late() from None

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"the weights were not sent within {self._timeout_s} s (RLVR_TRAINER__TRANSFER_TIMEOUT_S)"
        )

    def _run(self, loan: Loan, sent: Future[None]) -> None:
        failure: Exception | None = None
        begin = time.monotonic()
        try:
            self._broadcast(loan)
        except RuntimeError as error:
            # What torch raises for anything that goes wrong in a communicator.
            failure = Unavailable(f"the weights could not be sent: {error}")
            log.error("a transfer failed", error=str(error))
        with self._changed:
            if loan in self._loans:
                self._loans.discard(loan)
                self._changed.notify_all()
            else:
                self._stuck -= 1
                failure = failure or DeadlineExceeded("the weights may have changed while they were sent")
        if failure is not None:
            sent.set_exception(failure)
            return
        log.info("weights sent", receivers=loan.receivers, seconds=round(time.monotonic() - begin, 3))
        sent.set_result(None)

    def _broadcast(self, loan: Loan) -> None:
        device = next(iter(loan.tensors.values())).device
        group = self._network.join(loan.unique_id, loan.receivers + 1, device)
        # Kept until they are sent: a tensor that is not contiguous is copied.
        sending = [tensor.contiguous() for tensor in loan.tensors.values()]
        for tensor in sending:
            group.broadcast(tensor)
        group.finish()

    def _void(self, loan: Loan) -> None:
        """End a loan that has not ended by itself."""
        if loan not in self._loans:
            return
        self._loans.discard(loan)
        if loan.begun:
            self._stuck += 1
            log.error("a transfer was given up in its middle; until it ends, samplers read files")
        self._changed.notify_all()
