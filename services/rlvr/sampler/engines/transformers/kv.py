"""Keys and values of the rows being decoded, in buffers that rows join and leave without moving the others.

Row r holds its tokens at positions 0, 1, ..., so a token's place in the buffer is its position in the sequence and
nothing is padded on the left. What lies past a row's length is stale but finite, and masked.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import AttentionInterface

ROW_ATTENTION = "rlvr_rows"
"""Name under which `row_attention` is registered with transformers."""


class RowCache(Cache):
    """The `past_key_values` of a decode step: appends one token to every row and shows each row's past."""

    def __init__(self, max_cells: int) -> None:
        super().__init__(layers=[])
        self.layers: list[Any] = []
        self._max_cells = max_cells
        self.rows = 0
        """Rows that there is room for."""
        self.length = 0
        """Tokens per row that there is room for."""
        self.step_rows = 0
        """n: rows that decode in this step."""
        self.step_length = 0
        """T: tokens of the longest of them, this step's included."""
        self._step_positions: Tensor
        self._step_cells: dict[int, Tensor] = {}

    def begin_step(self, positions: Tensor) -> None:
        """Say where each row's next token goes: int64 [n]."""
        self.step_rows, self.step_length = positions.shape[0], int(positions.max()) + 1
        self._step_positions = positions
        self._step_cells.clear()

    def step_cells(self, heads: int) -> Tensor:
        """The cells that this step writes, in a buffer of so many heads seen as [rows * heads * length, head dim]."""
        cells = self._step_cells.get(heads)
        if cells is None:
            positions = self._step_positions
            lanes = torch.arange(self.step_rows * heads, device=positions.device) * self.length
            cells = self._step_cells[heads] = lanes + positions.repeat_interleave(heads)
        return cells

    def reserve(self, rows: int, length: int, live: int) -> None:
        """Make room for `rows` x `length` tokens, keeping the first `live` rows."""
        if rows <= self.rows and length <= self.length:
            return
        # Grow with slack, so that a slowly growing batch is not copied at every admission; without when tight.
        new_rows, new_length = max(self.rows, rows + rows // 4), max(self.length, -(-length // 32) * 32)
        if new_rows * new_length > self._max_cells:
            new_rows, new_length = rows, length
        kept = min(self.length, new_length)
        self.rows, self.length = new_rows, new_length
        for layer in self.layers:
            layer.resize(new_rows, new_length, live, kept)

    def append_rows(self, prefill: DynamicCache, source: Tensor, start: int) -> None:
        """Give row `start + i` the prefilled keys and values of prompt `source[i]`. `source` is int64 [m]."""
        if not self.layers:
            self.layers = [RowLayer(self, layer.keys, layer.values) for layer in prefill.layers]
        stop = start + source.shape[0]
        for mine, theirs in zip(self.layers, prefill.layers, strict=True):
            prompt_length = theirs.keys.shape[2]
            mine.keys[start:stop, :, :prompt_length] = theirs.keys[source]
            mine.values[start:stop, :, :prompt_length] = theirs.values[source]

    def move_rows(self, source: Tensor, target: Tensor, length: int) -> None:
        """Copy rows `source` over rows `target`, their first `length` tokens."""
        for layer in self.layers:
            for buffer in (layer.keys, layer.values):
                buffer[target, :, :length] = buffer[source, :, :length]

    def wipe(self, rows: Tensor) -> None:
        """Overwrite rows. Masked cells still meet the arithmetic, so none may hold a NaN."""
        for layer in self.layers:
            layer.keys[rows] = 0
            layer.values[rows] = 0


class RowLayer(CacheLayerMixin):
    """One layer's buffers: [rows, kv heads, length, head dim] each."""

    def __init__(self, cache: RowCache, keys_like: Tensor, values_like: Tensor) -> None:
        super().__init__()
        self._cache = cache
        self.keys = _buffer(keys_like, cache.rows, cache.length)
        self.values = _buffer(values_like, cache.rows, cache.length)
        self.is_initialized = True

    def resize(self, rows: int, length: int, live: int, kept: int) -> None:
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = _buffer(old, rows, length)
            new[:live, :, :kept] = old[:live, :, :kept]
            setattr(self, name, new)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        cache = self._cache
        n, length = cache.step_rows, cache.step_length
        cells = cache.step_cells(key_states.shape[1])
        for buffer, states in ((self.keys, key_states), (self.values, value_states)):
            head_dim = states.shape[3]
            buffer.view(-1, head_dim).index_copy_(0, cells, states.reshape(-1, head_dim))
        return self.keys[:n, :, :length], self.values[:n, :, :length]

    def get_seq_length(self) -> int:
        return self._cache.step_length - 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._cache.step_length, 0

    def get_max_length(self) -> int:
        return self._cache.length

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Buffers are made in the constructor."""


def _buffer(like: Tensor, rows: int, length: int) -> Tensor:
    return torch.zeros(rows, like.shape[1], length, like.shape[3], dtype=like.dtype, device=like.device)


def row_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of one new token per row, as two batched products; anything else goes to SDPA.

    At one query per row the CPU's fused kernel spends its time on set-up: the products take about two thirds of
    its time. `query` is [n, heads, 1, d], `key` and `value` [n, kv heads, T, d], `attention_mask` additive
    [n, 1, 1, T]; returns [n, 1, heads, d].
    """
    n, heads, queries, head_dim = query.shape
    extras = ("softcap", "s_aux", "position_bias")
    if queries != 1 or attention_mask is None or any(kwargs.get(name) is not None for name in extras):
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    scale = head_dim**-0.5 if scaling is None else scaling
    per_kv_head = (query * scale).reshape(n, key.shape[1], -1, head_dim)
    weights = torch.softmax(per_kv_head @ key.transpose(2, 3) + attention_mask, dim=-1)
    return (weights @ value).reshape(n, 1, heads, value.shape[3]), None


AttentionInterface.register(ROW_ATTENTION, row_attention)
