"""The rows being decoded: one row is one completion. Prefill adds the rows of new groups, `decode` draws a token
for every row, and a finished row leaves at once: the last row takes its place.

Everything that happens at every step is a few tensor operations on all rows; Python looks at single rows only when
they join or leave.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from rlvr.core.policy import PolicySpan
from rlvr.sampler.engine import FinishReason
from rlvr.sampler.engines.transformers.kv import RowCache

# Keeps u * total < total after rounding, so that a draw never falls past the last token of non-zero probability.
_BELOW_ONE = 1.0 - 2.0**-50


@dataclass(slots=True, eq=False)
class Group:
    """A request on its way through the batch."""

    prompt_ids: list[int]
    group_size: int
    max_tokens: int
    temperature: float
    seed: int
    span: PolicySpan | None = None
    """Versions that have drawn for the rows still running; None until prefill."""
    completions: dict[int, Completion] = field(default_factory=dict)
    """Sample index -> completion, as they finish."""
    diverged: bool = False
    """True when the policy gave a token that has no finite probability."""

    @property
    def reserved_tokens(self) -> int:
        """Tokens per row that it may grow to."""
        return len(self.prompt_ids) + self.max_tokens

    def uniforms(self) -> Tensor:
        """The random numbers that its draws use: float64 [max_tokens, group_size] in [0, 1).

        The prompt takes part in the seed, so prompts that share a seed do not share their luck. (Not a torch
        generator: on the CPU that one uses 32 bits of its seed.)
        """
        prompt = hashlib.sha256(array("i", self.prompt_ids).tobytes()).digest()
        generator = numpy.random.default_rng([self.seed, int.from_bytes(prompt)])
        return torch.from_numpy(generator.random((self.max_tokens, self.group_size)) * _BELOW_ONE)

    @property
    def complete(self) -> bool:
        return len(self.completions) == self.group_size


@dataclass(frozen=True, slots=True)
class Completion:
    """What was drawn for one row."""

    token_ids: array[int]
    logprobs: array[float]
    finish_reason: FinishReason
    span: PolicySpan


@dataclass(slots=True)
class BatchStats:
    """Work done, for metrics and tests."""

    prefills: int = 0
    """Forward passes over prompts."""
    prompt_tokens_computed: int = 0
    prompt_tokens_shared: int = 0
    decode_steps: int = 0
    """Forward passes that drew one token for each row."""
    decoded_rows: int = 0
    """Rows summed over the decode steps."""
    tokens_generated: int = 0


class DecodeBatch:
    """The rows of a model. Not thread-safe; call under `torch.inference_mode`."""

    def __init__(self, model: Any, stop_ids: list[int], max_rows: int, max_cells: int) -> None:
        self.model = model
        self.stats = BatchStats()
        self.rows: list[tuple[Group, int]] = []
        """Row -> its group and its index there."""
        device = next(model.parameters()).device
        self._finished: list[Group] = []
        self._device = device
        self._dtype = next(model.parameters()).dtype
        self._stop_ids = torch.tensor(stop_ids, device=device)
        self._kv = RowCache(max_cells)
        self._state = _RowState(max_rows, device)

    def prefill(self, groups: list[Group], version: int) -> None:
        """Run each prompt through the model once, give it `group_size` rows and draw their first tokens."""
        start = len(self.rows)
        for group in groups:
            group.span = PolicySpan(version, version)
            self.rows.extend((group, index) for index in range(group.group_size))
            prompt, copies = len(group.prompt_ids), group.group_size - 1
            self.stats.prompt_tokens_computed += prompt
            self.stats.prompt_tokens_shared += prompt * copies
        self.stats.prefills += 1
        self._kv.reserve(len(self.rows), max(group.reserved_tokens for group, _ in self.rows), live=start)
        lengths = torch.tensor([len(group.prompt_ids) for group in groups], device=self._device)
        # Padded on the right: what follows a prompt cannot change it under causal attention.
        input_ids = torch.zeros(len(groups), int(lengths.max()), dtype=torch.long)
        for index, group in enumerate(groups):
            input_ids[index, : len(group.prompt_ids)] = torch.tensor(group.prompt_ids)
        cache = DynamicCache()
        # Logits of the last positions only: all of them would be prompts x length x vocabulary.
        last, where = torch.unique(lengths - 1, return_inverse=True)
        logits = self.model(
            input_ids=input_ids.to(self._device), past_key_values=cache, use_cache=True, logits_to_keep=last
        ).logits
        logits = logits[torch.arange(len(groups), device=self._device), where]
        sizes = torch.tensor([group.group_size for group in groups], device=self._device)
        source = torch.repeat_interleave(torch.arange(len(groups), device=self._device), sizes)
        self._kv.append_rows(cache, source, start)
        self._state.add(groups, start, lengths[source])
        self._draw(start, len(self.rows), logits[source])

    def decode(self) -> None:
        """Draw one token for every row."""
        n = len(self.rows)
        state, kv = self._state, self._kv
        positions = state.length[:n]
        kv.begin_step(positions)
        past = torch.arange(kv.step_length, device=self._device) <= positions[:, None]
        mask = torch.zeros(n, kv.step_length, dtype=self._dtype, device=self._device)
        mask.masked_fill_(~past, float("-inf"))
        logits = self.model(
            input_ids=state.token[:n, None],
            position_ids=positions[:, None],
            attention_mask=mask[:, None, None],
            past_key_values=kv,
            use_cache=True,
        ).logits[:, -1]
        state.length[:n] += 1
        self.stats.decode_steps += 1
        self.stats.decoded_rows += n
        self._draw(0, n, logits)

    def update_spans(self, version: int) -> None:
        """Note that the tokens drawn from now on are this version's."""
        for group in {group for group, _ in self.rows}:
            assert group.span is not None
            group.span = group.span.with_version(version)

    def take_finished(self) -> list[Group]:
        """Groups that became complete, or diverged, since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def drop(self, group: Group) -> None:
        """Take a group's rows out of the batch."""
        self._remove([row for row, (owner, _) in enumerate(self.rows) if owner is group])

    def _draw(self, start: int, stop: int, logits: Tensor) -> None:
        """Draw a token for rows [start, stop) by inverting the cumulative distribution at each row's own next
        uniform number, so that what a row draws does not depend on the rows beside it. `logits` is [m, V]."""
        state, rows = self._state, slice(start, stop)
        logprobs = torch.log_softmax(logits.float() / state.temperature[rows, None], dim=-1)
        cumulative = logprobs.exp().cumsum(dim=-1, dtype=torch.float64)
        drawn = state.drawn[rows, None]
        target = state.uniforms[rows].gather(1, drawn) * cumulative[:, -1:]
        token = torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[1] - 1)
        greedy = state.greedy[rows, None]
        if greedy.any():
            token = torch.where(greedy, logprobs.argmax(dim=-1, keepdim=True), token)
        logprob = logprobs.gather(1, token)
        state.ids[rows].scatter_(1, drawn, token)
        state.logprobs[rows].scatter_(1, drawn, logprob)
        state.token[rows] = token[:, 0]
        state.drawn[rows] += 1
        self.stats.tokens_generated += stop - start
        stopped = (token == self._stop_ids).any(dim=-1)
        diverged = ~logprob[:, 0].isfinite()
        finished = stopped | diverged | (state.drawn[rows] >= state.limit[rows])
        if finished.any():
            where = finished.nonzero()[:, 0]
            self._finish(where + start, stopped[where].tolist(), diverged[where].tolist())

    def _finish(self, rows: Tensor, stopped: list[bool], diverged: list[bool]) -> None:
        lengths = self._state.drawn[rows].tolist()
        longest = max(lengths)
        ids = self._state.ids[rows, :longest].tolist()
        logprobs = self._state.logprobs[rows, :longest].tolist()
        indices = rows.tolist()
        for i, row in enumerate(indices):
            group, index = self.rows[row]
            assert group.span is not None
            group.completions[index] = Completion(
                array("i", ids[i][: lengths[i]]),
                array("f", logprobs[i][: lengths[i]]),
                "stop" if stopped[i] else "length",
                group.span,
            )
            if diverged[i] and not group.diverged:
                group.diverged = True
                self._finished.append(group)
            elif group.complete and not group.diverged:
                self._finished.append(group)
        if any(diverged):
            # Their keys and values may hold NaN, and what follows a row's end still meets the arithmetic.
            failed = [row for row, (group, _) in enumerate(self.rows) if group.diverged]
            self._kv.wipe(torch.tensor(failed, device=self._device))
            indices = sorted({*indices, *failed})
        self._remove(indices)

    def _remove(self, rows: list[int]) -> None:
        """Drop rows, moving rows from the end into their places. `rows` ascend."""
        remaining = len(self.rows) - len(rows)
        gone = set(rows)
        holes = [row for row in rows if row < remaining]
        movers = [row for row in range(remaining, len(self.rows)) if row not in gone]
        if holes:
            target = torch.tensor(holes, device=self._device)
            source = torch.tensor(movers, device=self._device)
            self._kv.move_rows(source, target, int(self._state.length[source].max()))
            self._state.move(source, target)
            for hole, mover in zip(holes, movers, strict=True):
                self.rows[hole] = self.rows[mover]
        del self.rows[remaining:]


class _RowState:
    """Per-row tensors; a row's entry moves with it."""

    def __init__(self, max_rows: int, device: torch.device) -> None:
        def column(dtype: torch.dtype) -> Tensor:
            return torch.zeros(max_rows, dtype=dtype, device=device)

        self.token = column(torch.long)
        """The newest token, not yet run through the model."""
        self.length = column(torch.long)
        """Tokens in the cache: the position of `token`."""
        self.drawn = column(torch.long)
        self.limit = column(torch.long)
        self.temperature = column(torch.float32)
        self.greedy = column(torch.bool)
        self.uniforms = torch.zeros(max_rows, 0, dtype=torch.float64, device=device)
        self.ids = torch.zeros(max_rows, 0, dtype=torch.long, device=device)
        self.logprobs = torch.zeros(max_rows, 0, dtype=torch.float32, device=device)

    def add(self, groups: list[Group], start: int, lengths: Tensor) -> None:
        """Set the rows of new groups, from row `start` on."""
        self._widen(max(group.max_tokens for group in groups), start)
        row = start
        for group in groups:
            rows = slice(row, row + group.group_size)
            self.limit[rows] = group.max_tokens
            self.temperature[rows] = group.temperature or 1.0
            self.greedy[rows] = group.temperature == 0
            self.uniforms[rows, : group.max_tokens] = group.uniforms().T.to(self.uniforms.device)
            row = rows.stop
        self.length[start:row] = lengths
        self.drawn[start:row] = 0

    def move(self, source: Tensor, target: Tensor) -> None:
        for name in ("token", "length", "drawn", "limit", "temperature", "greedy"):
            column = getattr(self, name)
            column[target] = column[source]
        for name in ("uniforms", "ids", "logprobs"):
            table = getattr(self, name)
            table[target] = table[source]

    def _widen(self, width: int, live: int) -> None:
        if width <= self.ids.shape[1]:
            return
        for name in ("uniforms", "ids", "logprobs"):
            old = getattr(self, name)
            new = torch.zeros(old.shape[0], width, dtype=old.dtype, device=old.device)
            new[:live, : old.shape[1]] = old[:live]
            setattr(self, name, new)
