"""Requests with their rows, and the rows of one bucket side by side in a KV cache.

Only the model thread touches these.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from backend.automaton import Automaton
from backend.channel import Channel
from backend.detokenizer import TextStream
from backend.kv_cache import SlotCache, bucket
from backend.models import LoadedModel
from backend.own_cache import OwnCaches
from backend.types import FinishReason, Request, TokenStep


@dataclass(kw_only=True, eq=False)
class Ticket:
    """One request from its submission to its end; times are time.monotonic seconds."""

    request: Request
    loaded: LoadedModel
    ids: list[int]  # the prompt and the tokens already decided
    channel: Channel[TokenStep]
    submitted_s: float
    automaton: Automaton | None = None  # of the request's constraint
    state: int = 0  # where it begins
    admitted_s: float = 0.0
    step_times_s: list[float] = field(default_factory=list)
    output_tokens: int = 0
    read: int = 0  # of `ids`: how many are in the cache
    generator: torch.Generator | None = None
    rows: "list[Row]" = field(default_factory=list)  # those still running

    @property
    def bucket(self) -> int:
        """Positions of each of its rows."""
        return bucket(len(self.ids) + self.request.params.max_new_tokens)

    @property
    def nbytes(self) -> int:
        """KV bytes of its rows, were nobody else there."""
        rows = self.request.params.num_return_sequences
        return new_slots(self.loaded, self.bucket).bytes_with(rows)


@dataclass(kw_only=True, eq=False)
class Row:
    """One sequence of a request."""

    ticket: Ticket
    index: int  # 0 ... num_return_sequences-1
    text: TextStream
    slots: "Slots"
    length: int = 0  # positions in the cache
    last_id: int = 0
    new_tokens: int = 0
    state: int = 0  # of the ticket's automaton
    logits: torch.Tensor | None = None  # (vocab,) fp32, what the next token is drawn from
    finish_reason: FinishReason | None = None


@dataclass(kw_only=True)
class Turn:
    """What one step did."""

    size: int = 0  # rows that got a token
    worked: bool = False
    ended: list[Ticket] = field(default_factory=list)
    failed: list[tuple[Ticket, Exception]] = field(default_factory=list)


def newest(rows: Iterable[Row]) -> Ticket:
    """Return the request among them that was admitted last."""
    return max((row.ticket for row in rows), key=lambda ticket: ticket.admitted_s)


class Slots:
    """Rows of one bucket. [0, active) decode; those behind read their prompt, or wait for a reader.

    A row that leaves is replaced by the last, so that a decode step reads a slice.
    """

    def __init__(self, cache: SlotCache | OwnCaches) -> None:
        self.cache = cache
        self.rows: list[Row] = []
        self.active = 0

    def bytes_with(self, rows: int) -> int:
        """Return the bytes of the cache once `rows` more are there."""
        return self.cache.rows_for(len(self.rows) + rows) * self.cache.row_bytes

    def fit(self) -> None:
        """Allocate what the rows need; called once before a forward and not once per row."""
        longest = max((row.length for row in self.rows), default=0)
        self.cache.resize(self.cache.rows_for(len(self.rows)), longest)

    def activate(self, row: Row) -> None:
        """Let a row decode from now on."""
        self._swap(self.rows.index(row), self.active)
        self.active += 1

    def pause(self, row: Row) -> None:
        """Keep a row out of the steps."""
        self.active -= 1
        self._swap(self.rows.index(row), self.active)

    def is_active(self, row: Row) -> bool:
        """True where the row decodes."""
        return self.rows.index(row) < self.active

    def remove(self, row: Row, *, wipe: bool = False) -> None:
        """Take a row out: the last active one moves into its slot, the last into that one's.

        `wipe`: zero its slot before, and after it the one that is left empty, since whoever moved
        may be no better.
        """
        slot = self.rows.index(row)
        if wipe and row.length:
            self.cache.wipe(slot)
        if slot < self.active:
            self.active -= 1
            self._replace(slot, self.active)
            slot = self.active
        self._replace(slot, len(self.rows) - 1)
        self.rows.pop()
        if wipe and len(self.rows) < self.cache.rows:
            self.cache.wipe(len(self.rows))

    def _replace(self, slot: int, source: int) -> None:
        if slot != source:
            moved = self.rows[source]
            self.rows[slot] = moved
            if moved.length:  # before its first forward a row may have no place yet
                self.cache.move(source, slot, moved.length)

    def _swap(self, a: int, b: int) -> None:
        if a != b:
            self.cache.swap(a, b, max(self.rows[a].length, self.rows[b].length))
            self.rows[a], self.rows[b] = self.rows[b], self.rows[a]


def new_slots(loaded: LoadedModel, positions: int) -> Slots:
    """Return a bucket without rows; nothing is allocated yet."""
    model = loaded.model
    config = model.config.get_text_config(decoder=True)
    cache = SlotCache(config, positions, dtype=model.dtype, device=loaded.device)
    return Slots(cache if loaded.batches else OwnCaches(positions, cache.row_bytes))
