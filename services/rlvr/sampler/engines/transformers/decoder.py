"""The thread that owns the model. Everything it does happens between two decode steps:

    post(command) ->  run commands  ->  admit waiting groups (one prefill)  ->  decode one token per row  ->  deliver

A newer version is copied in between two steps. Running rows keep their keys and values and go on under the new
weights: making them finish first would let one long completion hold back every prompt behind it, and drawing them
again would waste them. The span that each carries tells the trainer, and the log-probability of each token
is the one it was drawn with.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from rlvr.core.errors import Conflict, FieldViolation
from rlvr.sampler.engine import EngineFailed, PolicyDiverged, invalid_request
from rlvr.sampler.engines.transformers.batch import BatchStats, DecodeBatch, Group
from rlvr.sampler.engines.transformers.weights import LoadedModel, NewWeights


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be decoded at once."""

    max_rows: int
    max_cells: int
    """Rows times the tokens that the longest of them may grow to."""
    prefill_tokens: int
    """Prompt tokens, padding included, in one prefill; a longer prompt is prefilled alone."""


Deliver = Callable[[Group, Exception | None], None]
"""Called on the decoding thread when a group is complete (None) or has failed."""


class Decoder:
    """Decodes groups in a thread of its own. `submit`, `cancel` and `install` may be called from any thread."""

    def __init__(self, limits: Limits, deliver: Deliver, threads: int) -> None:
        self.limits = limits
        self.policy = ""
        self.version = -1
        self.held: LoadedModel | None = None
        self.failure: Exception | None = None
        self._deliver = deliver
        self._threads = threads
        self._batch: DecodeBatch | None = None
        self._waiting: deque[Group] = deque()
        self.stats = BatchStats()
        self._commands: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="rlvr-decoder", daemon=True)
        self._thread.start()

    @property
    def running(self) -> int:
        """Rows being decoded."""
        return len(self._batch.rows) if self._batch is not None else 0

    @property
    def waiting(self) -> int:
        """Rows that wait for a place."""
        return sum(group.group_size for group in tuple(self._waiting))

    def check_fits(self, group: Group) -> None:
        """Refuse a group that could never be admitted.

        Raises:
            InvalidRequest: naming the field and the limit.
        """
        assert self.held is not None
        prompt, context = len(group.prompt_ids), self.held.context_length
        wrong = []
        if prompt == 0:
            wrong.append(FieldViolation("messages", "the prompt is empty once tokenized"))
        if group.reserved_tokens > context:
            wrong.append(
                FieldViolation(
                    "sampling.max_tokens",
                    f"{prompt} prompt tokens and max_tokens {group.max_tokens} exceed the context of {context} tokens",
                )
            )
        cells = group.group_size * group.reserved_tokens
        if group.group_size > self.limits.max_rows or cells > self.limits.max_cells:
            wrong.append(
                FieldViolation(
                    "group_size",
                    f"{group.group_size} samples of up to {group.reserved_tokens} tokens exceed this engine's "
                    f"max_rows {self.limits.max_rows} or max_cells {self.limits.max_cells}",
                )
            )
        if wrong:
            raise invalid_request(*wrong)

    def submit(self, group: Group) -> None:
        self._post(lambda: self._waiting.append(group))

    def cancel(self, group: Group) -> None:
        """Free the group's rows; it is not delivered."""
        self._post(lambda: self._cancel(group))

    def install(
        self, policy: str, version: int, weights: LoadedModel | NewWeights, done: Callable[[Exception | None], None]
    ) -> None:
        """Sample with these weights from the next step on; then call `done` on the decoding thread."""
        self._post(lambda: self._install(policy, version, weights, done))

    def close(self) -> None:
        """Stop after the step at hand; whatever is not complete fails."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _post(self, command: Callable[[], None]) -> None:
        with self._wake:
            if self._closing:
                raise self._stopped()
            self._commands.append(command)
            self._wake.notify()

    def _run(self) -> None:
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                while self._take_commands():
                    self._step()
        except Exception as failure:  # noqa: BLE001 the thread's boundary: kept, and told to every caller
            self.failure = failure
        with self._wake:
            self._closing = True
        for command in self._commands:
            command()
        for group in self._waiting:
            self._deliver(group, self._stopped())
        for group in {group for group, _ in self._batch.rows} if self._batch is not None else ():
            self._deliver(group, self._stopped())

    def _stopped(self) -> EngineFailed:
        return EngineFailed(f"the engine has stopped: {self.failure or 'closed'}")

    def _take_commands(self) -> bool:
        """Run what was posted; sleep while there is nothing to do. False when it is time to stop."""
        with self._wake:
            while not (self._commands or self._closing or self._waiting or self.running):
                self._wake.wait()
            commands = list(self._commands)
            self._commands.clear()
        for command in commands:
            command()
        return not self._closing

    def _step(self) -> None:
        batch = self._batch
        if batch is None:
            return
        admitted = self._admit()
        if admitted:
            batch.prefill(admitted, self.version)
        if batch.rows:
            batch.decode()
        for group in batch.take_finished():
            if group.diverged:
                detail = f"version {self.version} of policy {self.policy!r} gives no finite probabilities"
                self._deliver(group, PolicyDiverged(detail))
            else:
                self._deliver(group, None)

    def _admit(self) -> list[Group]:
        """Groups, oldest first, that fit beside the rows that run. The oldest is never overtaken."""
        assert self._batch is not None
        rows = len(self._batch.rows)
        longest = max((group.reserved_tokens for group, _ in self._batch.rows), default=0)
        prompt = 0
        admitted: list[Group] = []
        while self._waiting:
            group = self._waiting[0]
            rows += group.group_size
            longest = max(longest, group.reserved_tokens)
            prompt = max(prompt, len(group.prompt_ids))
            if rows > self.limits.max_rows or rows * longest > self.limits.max_cells:
                break
            if admitted and prompt * (len(admitted) + 1) > self.limits.prefill_tokens:
                break
            admitted.append(self._waiting.popleft())
        return admitted

    def _cancel(self, group: Group) -> None:
        if group in self._waiting:
            self._waiting.remove(group)
        elif self._batch is not None and not self._closing:
            self._batch.drop(group)

    def _install(
        self, policy: str, version: int, weights: LoadedModel | NewWeights, done: Callable[[Exception | None], None]
    ) -> None:
        if self._closing:
            done(self._stopped())
            return
        busy = self.running or self._waiting
        if busy and (policy != self.policy or isinstance(weights, LoadedModel)):
            done(
                Conflict(
                    f"policy {self.policy!r} is sampling {self.running} completions ({self.waiting} wait): "
                    f"another policy or architecture ({policy!r}) is taken when they are done"
                )
            )
            return
        if isinstance(weights, LoadedModel):
            batch = DecodeBatch(weights.model, weights.stop_ids, self.limits.max_rows, self.limits.max_cells)
            batch.stats = self.stats
            self.held, self._batch = weights, batch
        else:
            assert self.held is not None and self._batch is not None
            weights.copy_into(self.held.model)
            self._batch.update_spans(version)
        self.policy, self.version = policy, version
        done(None)
