"""One forward of a step: rows that decode and pieces of prompts, in parts that share an attention.

The lean forward takes all parts at once; transformers' own forward takes them one after another.
"""

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from backend.captured import Captured
from backend.kv_cache import SlotCache, Window
from backend.models import LoadedModel
from backend.own_cache import OwnWindow, run_own
from backend.row_faults import give_back, is_oom, out_of_memory
from backend.rows import Row, Slots, Ticket, newest

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of one bucket with a token each, or a piece of one prompt.

    `ids`, `positions`: (tokens,); `mask`: (rows, 1, tokens / rows, seen) bool, True may be seen.
    """

    rows: list[Row]  # whose logits come from each row's last token
    ids: torch.Tensor
    positions: torch.Tensor
    window: Window | OwnWindow
    mask: torch.Tensor
    first: int = 0  # slot of its first row
    ticket: Ticket | None = None  # whose prompt this is a piece of


def decode_part(slots: Slots, device: torch.device, first: int = 0, n: int | None = None) -> Part:
    """The active rows of a bucket (or n of them): every one writes at its own length."""
    rows = slots.rows[first : slots.active if n is None else first + n]
    lengths = torch.tensor([row.length for row in rows], device=device)
    longest = max(row.length for row in rows)
    return Part(
        rows=rows,
        ids=torch.tensor([row.last_id for row in rows], device=device),
        positions=lengths,
        window=slots.cache.decoding(lengths, longest, first),
        mask=(torch.arange(longest + 1, device=device) <= lengths[:, None])[:, None, None],
        first=first,
    )


def chunk_part(ticket: Ticket, n: int, device: torch.device) -> Part:
    """The next `n` tokens of a prompt, into its first row."""
    row, start = ticket.rows[0], ticket.read
    slot = row.slots.rows.index(row)
    return Part(
        rows=[row],
        ids=torch.tensor(ticket.ids[start : start + n], device=device),
        positions=torch.arange(start, start + n, device=device),
        window=row.slots.cache.reading(slot, start, n),
        mask=torch.ones(n, start + n, dtype=torch.bool, device=device).tril(start)[None, None],
        ticket=ticket,
    )


class Forward:
    """Runs a model on parts, and finds the request whose rows it cannot run."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded, self._lean = loaded, loaded.lean
        on_cuda = loaded.device.type == "cuda"
        self._captured = Captured(loaded.lean) if on_cuda and loaded.lean else None
        keeps = "logits_to_keep" in inspect.signature(loaded.model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if keeps else {}

    def __call__(
        self, parts: Sequence[Part], running: int
    ) -> tuple[torch.Tensor, dict[Ticket, Exception]]:
        """Return (rows of all parts, vocab) logits in fp32, and the requests that failed.

        Where all of the `running` requests fail it is the model or the device, and the error is
        raised: those of one step may be newcomers by themselves.
        """
        ran_out = False
        if self._loaded.batches:  # others' own caches must not see a token twice
            try:
                return self._logits(parts), {}
            except Exception as error:
                if ran_out := is_oom(error):
                    log.warning("a forward ran out of memory: %s", str(error))
                else:
                    log.exception("a forward failed; each row alone shows whose")
        # outside the handler, so that what it held is free again
        found, failed = [], dict[Ticket, Exception]()
        for part in parts:
            for one in self._each(part):
                if ran_out:
                    give_back(self._loaded.device)
                try:
                    found.append(self._logits([one]))
                except Exception as error:
                    error.__traceback__ = None  # it holds the tensors of its frames
                    failed[one.rows[0].ticket] = error
                    ran_out = ran_out or is_oom(error)
                    found.append(torch.full((1, self._loaded.info.vocab_size), torch.nan))
        tickets = {row.ticket for part in parts for row in part.rows}
        if len(failed) == running and self._loaded.batches:
            raise next(iter(failed.values()))
        if ran_out and not failed and len(tickets) > 1:  # together they are too many
            late = newest(row for part in parts for row in part.rows)
            failed[late] = out_of_memory(self._loaded.info)
        return torch.cat([logits.to(self._loaded.device) for logits in found]), failed

    def _each(self, part: Part) -> list[Part]:
        if part.ticket:
            return [part]
        slots, device = part.rows[0].slots, self._loaded.device
        return [decode_part(slots, device, i, 1) for i in range(len(part.rows))]

    def _logits(self, parts: Sequence[Part]) -> torch.Tensor:
        if not self._lean:
            return torch.cat([self._of_one(part) for part in parts])
        if self._captured and len(parts) == 1 and not parts[0].ticket and not parts[0].first:
            cache = parts[0].rows[0].slots.cache
            assert isinstance(cache, SlotCache)  # a model without it has no lean forward
            logits = self._captured.decode(parts[0].ids, parts[0].positions, cache)
            if logits is not None:
                return logits
        ends = list(accumulate(len(part.ids) for part in parts))
        places = map(slice, [0, *ends], ends)
        return self._lean(
            torch.cat([part.ids for part in parts])[:, None],
            torch.cat([part.positions for part in parts])[:, None],
            [
                (place, part.window, part.mask)
                for place, part in zip(places, parts)
                if isinstance(part.window, Window)  # always: a model without them has no lean one
            ],
        )

    def _of_one(self, part: Part) -> torch.Tensor:
        """Run transformers' forward; (rows, vocab) in fp32, so that softmax is exact."""
        ids = part.ids.view(len(part.rows), -1)
        if isinstance(part.window, OwnWindow):
            return run_own(self._loaded, ids, part.window)
        out = self._loaded.model(
            input_ids=ids,
            position_ids=part.positions.view(len(part.rows), -1),
            attention_mask=part.mask,
            past_key_values=part.window,
            use_cache=True,
            **self._last_only,
        )
        return out.logits[:, -1].float()
