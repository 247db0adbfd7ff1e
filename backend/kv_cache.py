"""Slot KV cache: one row per running sequence, on an unmodified transformers model.

All rows of one SlotCache have the same bucket of positions and lengths of their own. A forward
reads and writes through a `Window`, with an explicit 4-D mask and position_ids, so the model asks
for nothing but `update`.
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


class SlotCache:
    """Keys and values per layer as (rows, kv_heads, positions, head_dim)."""

    def __init__(
        self, config: PretrainedConfig, positions: int, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        heads: int = getattr(config, "num_attention_heads", 1)  # a state space model has none
        self.kv_heads: int = getattr(config, "num_key_value_heads", None) or heads
        self.head_dim: int = getattr(config, "head_dim", None) or config.hidden_size // heads
        self.num_layers: int = config.num_hidden_layers
        self.positions, self.rows = positions, 0
        self.dtype, self.device = dtype, device
        self._torn = False  # memory ran out between two layers of a resize
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, keys and values."""
        width = self.num_layers * self.kv_heads * self.head_dim * self.dtype.itemsize
        return 2 * self.positions * width

    @property
    def nbytes(self) -> int:
        """Bytes allocated now."""
        return self.rows * self.row_bytes

    def rows_for(self, rows: int) -> int:
        """Return how many rows are allocated once `rows` are needed: at most an eighth too many.

        What is there is kept while it is enough and less than twice that.
        """
        step = max(1, rows // 8)
        wanted = -(-rows // step) * step
        return self.rows if rows <= self.rows < 2 * wanted else wanted

    def resize(self, rows: int, length: int) -> None:
        """Allocate exactly `rows` rows; those that stay keep their first `length` positions.

        One layer at a time.
        """
        if rows == self.rows and not self._torn:
            return
        self._torn = True
        shape = (rows, self.kv_heads, self.positions, self.head_dim)
        kept = min(rows, self.rows)
        for tensors in (self.keys, self.values):
            for layer in range(self.num_layers):
                new = torch.zeros(shape, dtype=self.dtype, device=self.device)
                if kept:
                    new[:kept, :, :length] = tensors[layer][:kept, :, :length]
                tensors[layer : layer + 1] = [new]
        self.rows, self._torn = rows, False

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of row `source` over row `target`."""
        self.take(self, source, target, length)

    def take(self, other: "SlotCache", source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of another cache's row over row `target`."""
        ours, theirs = (*self.keys, *self.values), (*other.keys, *other.values)
        for mine, given in zip(ours, theirs):
            mine[target, :, :length] = given[source, :, :length]

    def swap(self, a: int, b: int, length: int) -> None:
        """Exchange the first `length` positions of two rows."""
        for tensor in (*self.keys, *self.values):
            tensor[[a, b], :, :length] = tensor[[b, a], :, :length]

    def decoding(self, lengths: torch.Tensor, longest: int, first: int) -> "DecodeWindow":
        """A forward of one token for each row from `first` on."""
        return DecodeWindow(self, lengths, longest, first)

    def reading(self, row: int, start: int, n: int) -> "PromptWindow":
        """A forward of a piece of a prompt."""
        return PromptWindow(self, row, start, n)

    def wipe(self, row: int) -> None:
        """Zero a row: masked positions must hold numbers, since 0 times NaN is NaN."""
        for tensor in (*self.keys, *self.values):
            tensor[row].zero_()


class Window(Cache):
    """What one forward writes and sees of a SlotCache."""

    def __init__(self, slots: SlotCache) -> None:
        self.layers = []  # transformers asks for it; the storage is ours
        self.slots = slots

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Nothing is seen: positions and mask are passed explicitly."""
        return 0

    def get_mask_sizes(self, *args: object, **kwargs: object) -> tuple[int, int]:
        """Not used with an explicit 4-D mask."""
        return 0, 0


class DecodeWindow(Window):
    """Rows [first, first + n) write one position each, at their lengths (n,), and see up to it."""

    def __init__(self, slots: SlotCache, lengths: torch.Tensor, longest: int, first: int) -> None:
        super().__init__(slots)
        n, heads = len(lengths), slots.kv_heads
        row = torch.arange(first, first + n, device=slots.device)[:, None] * heads
        row = row + torch.arange(heads, device=slots.device)  # (n, heads)
        # index_copy_ on the flat tensor is half the price of advanced indexing on the whole
        self._at = (row * slots.positions + lengths[:, None]).flatten()
        self._rows, self._seen = slice(first, first + n), slice(0, longest + 1)

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *_: object,
        **__: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store (n, kv_heads, 1, head_dim); return (n, kv_heads, longest + 1, head_dim)."""
        keys, values = self.slots.keys[layer_idx], self.slots.values[layer_idx]
        width = self.slots.head_dim
        keys.view(-1, width).index_copy_(0, self._at, key_states.reshape(-1, width))
        values.view(-1, width).index_copy_(0, self._at, value_states.reshape(-1, width))
        return keys[self._rows, :, self._seen], values[self._rows, :, self._seen]


class PromptWindow(Window):
    """One row writes positions start ... start+n-1 and sees all before them."""

    def __init__(self, slots: SlotCache, row: int, start: int, n: int) -> None:
        super().__init__(slots)
        self._row, self._new = slice(row, row + 1), slice(start, start + n)
        self._seen = slice(0, start + n)

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *_: object,
        **__: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store (1, kv_heads, n, head_dim); return (1, kv_heads, start + n, head_dim)."""
        keys, values = self.slots.keys[layer_idx], self.slots.values[layer_idx]
        keys[self._row, :, self._new] = key_states
        values[self._row, :, self._new] = value_states
        return keys[self._row, :, self._seen], values[self._row, :, self._seen]
