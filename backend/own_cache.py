"""For models that cannot share a forward: every row keeps the cache that the model itself makes.

It takes the place of a `SlotCache`; such rows run one after another, a token each in turn. State
space models (Gu & Dao, 2023), and those that ignore a 4-D mask, are run like this.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from backend.models import LoadedModel

NAMES = ("past_key_values", "cache_params")  # what a forward calls its cache


@dataclass(frozen=True)
class OwnWindow:
    """Whose caches a forward goes on with."""

    caches: "OwnCaches"
    slots: range


class OwnCaches:
    """One cache of the model's making per slot, None before its first forward."""

    def __init__(self, positions: int, row_bytes: int) -> None:
        self.positions, self.row_bytes = positions, row_bytes  # as a SlotCache of that bucket's
        self.held: list[Any] = []

    @property
    def rows(self) -> int:
        """Slots there are."""
        return len(self.held)

    @property
    def nbytes(self) -> int:
        """Bytes charged now: what the rows may grow to."""
        return self.rows * self.row_bytes

    def rows_for(self, rows: int) -> int:
        """Return how many rows are allocated once `rows` are needed."""
        return rows

    def resize(self, rows: int, length: int) -> None:
        """Make room for exactly `rows` rows."""
        self.held = [*self.held[:rows], *[None] * (rows - self.rows)]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's cache over another's."""
        self.held[target] = copy.deepcopy(self.held[source])

    def swap(self, a: int, b: int, length: int) -> None:
        """Exchange two rows."""
        self.held[a], self.held[b] = self.held[b], self.held[a]

    def wipe(self, row: int) -> None:
        """Forget a row."""
        self.held[row] = None

    def decoding(self, lengths: torch.Tensor, longest: int, first: int) -> OwnWindow:
        """A forward of one token for each row from `first` on."""
        return OwnWindow(self, range(first, first + len(lengths)))

    def reading(self, row: int, start: int, n: int) -> OwnWindow:
        """A forward of a whole prompt."""
        return OwnWindow(self, range(row, row + 1))


def run_own(loaded: LoadedModel, ids: torch.Tensor, window: OwnWindow) -> torch.Tensor:
    """Run (rows, n) ids row by row; return the last position's logits (rows, vocab) in fp32."""
    held, found = window.caches.held, []
    for row, slot in zip(ids, window.slots):
        name, cache = held[slot] or ("", None)
        out = loaded.model(input_ids=row[None], use_cache=True, **({name: cache} if name else {}))
        name = next(name for name in NAMES if getattr(out, name, None) is not None)
        held[slot] = name, getattr(out, name)
        found.append(out.logits[:, -1].float())
    return torch.cat(found)
