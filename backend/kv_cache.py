"""Slot KV cache: one row per running sequence, on an unmodified transformers model.

Rows have lengths of their own. Active rows are contiguous from 0, so that a decode step reads a
slice; whoever leaves is replaced by the last (`move`). The caller passes an explicit 4-D mask and
position_ids, so the model asks this cache for nothing but `update`.
"""

import torch
from transformers import PretrainedConfig
from transformers.cache_utils import Cache

SMALLEST_BUCKET = 256  # positions


def bucket(positions: int) -> int:
    """Return the number of positions allocated for a row that needs `positions`: 256, 512, ..."""
    size = SMALLEST_BUCKET
    while size < positions:
        size *= 2
    return size


class SlotCache(Cache):
    """Keys and values per layer as (rows, kv_heads, positions, head_dim), grown as needed."""

    def __init__(
        self, config: PretrainedConfig, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.layers = []  # transformers asks for it; the storage is ours
        heads = config.num_attention_heads
        self.kv_heads: int = getattr(config, "num_key_value_heads", None) or heads
        self.head_dim: int = getattr(config, "head_dim", None) or config.hidden_size // heads
        self.num_layers: int = config.num_hidden_layers
        self.dtype, self.device = dtype, device
        self.rows = self.positions = 0
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []

    def bytes_for(self, rows: int, positions: int) -> int:
        """Return the bytes of `rows` rows of `positions` positions, keys and values."""
        per_position = 2 * self.num_layers * self.kv_heads * self.head_dim * self.dtype.itemsize
        return rows * positions * per_position

    @property
    def nbytes(self) -> int:
        """Bytes allocated now."""
        return self.bytes_for(self.rows, self.positions)

    def reserve(self, rows: int, positions: int) -> None:
        """Make room for `rows` rows of `positions` positions; keeps what is there."""
        rows, positions = max(rows, self.rows), max(positions, self.positions)
        if (rows, positions) == (self.rows, self.positions):
            return
        shape = (rows, self.kv_heads, positions, self.head_dim)
        for tensors in (self._keys, self._values):
            for layer in range(self.num_layers):
                grown = torch.zeros(shape, dtype=self.dtype, device=self.device)
                if tensors and self.rows:
                    grown[: self.rows, :, : self.positions] = tensors[layer]
                tensors[layer : layer + 1] = [grown]
        self.rows, self.positions = rows, positions

    def clear(self) -> None:
        """Give all memory back; called when no row is left."""
        self._keys, self._values = [], []
        self.rows = self.positions = 0

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of row `source` over row `target`."""
        for tensor in (*self._keys, *self._values):
            tensor[target, :, :length] = tensor[source, :, :length]

    def swap(self, a: int, b: int) -> None:
        """Exchange two rows."""
        for tensor in (*self._keys, *self._values):
            tensor[[a, b]] = tensor[[b, a]]

    def begin_prefill(self, row: int, start: int, n: int) -> None:
        """The next forward writes positions start ... start+n-1 of one row, and reads from 0."""
        self._write: tuple = (slice(row, row + 1), slice(None), slice(start, start + n))
        self._read: tuple = (slice(row, row + 1), slice(None), slice(0, start + n))
        self._one_each = False

    def begin_decode(self, lengths: torch.Tensor, longest: int) -> None:
        """The next forward writes one position for each row, at its length; `longest` = max."""
        rows = len(lengths)
        self._write = (torch.arange(rows, device=self.device), slice(None), lengths)
        self._read = (slice(0, rows), slice(None), slice(0, longest + 1))
        self._one_each = True

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store this layer's new keys and values; return all that its queries may look at."""
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[self._write] = key_states[:, :, 0] if self._one_each else key_states
        values[self._write] = value_states[:, :, 0] if self._one_each else value_states
        return keys[self._read], values[self._read]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Nothing is seen: positions and mask are passed explicitly."""
        return 0

    def get_mask_sizes(self, *args: object, **kwargs: object) -> tuple[int, int]:
        """Not used with an explicit 4-D mask."""
        return 0, 0
