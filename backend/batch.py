"""The rows that one model decodes together: join, one step for all, leave.

Only the model thread touches a Batch. A step runs the model once, on the last token of each active
row and on the next piece of the prompts that are being read (chunked prefill: Agrawal et al., 2024,
Sarathi-Serve), then chooses a token for each row that has its logits. Short prompts have every
other step to themselves, so that their first tokens do not wait for all rows'. Seeded text equals
`generate`'s: a request draws once per step with shape (num_return_sequences, vocab) until its last
row ends, from a generator of its own.
"""

import logging
import math
import time
from collections.abc import Iterator

import torch

from backend.choosing import Candidates, Chooser, Picked
from backend.detokenizer import TextStream
from backend.forward import Forward, Part, chunk_part, decode_part
from backend.models import LoadedModel
from backend.prefix import take_over
from backend.row_faults import as_told, found_room, out_of_memory, unsound
from backend.rows import Row, Slots, Ticket, Turn, new_slots, newest
from backend.types import FinishReason, TokenStep

log = logging.getLogger(__name__)

READ_ALONE = 512  # tokens of prompts that a step reads while nobody decodes
READ_BESIDE = 16  # and while rows decode, with one more for each of them: about a step's own time


class Batch:
    """All running rows of one model, and their KV caches."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self._forward = Forward(loaded)
        self._chooser = Chooser(loaded)
        self._slots: dict[int, Slots] = {}  # by bucket
        self._reading: list[Ticket] = []  # whose prompts are not whole in the cache
        self._went_first = False  # newcomers, in the last step, before those that decode
        self._decoded: list[Row] = []  # the rows that `_logits` (rows, vocab) belongs to
        self._logits = torch.empty(0)

    @property
    def nbytes(self) -> int:
        """KV bytes allocated now."""
        return sum(slots.cache.nbytes for slots in tuple(self._slots.values()))

    @property
    def logits_bytes(self) -> int:
        """Bytes of logits kept until the next tokens are chosen."""
        return self._logits.nbytes

    @property
    def empty(self) -> bool:
        """True where no row is left."""
        return not self._slots

    @property
    def reads(self) -> bool:
        """True while a prompt is not whole in the cache: a step may take long."""
        return bool(self._reading)

    def bytes_with(self, ticket: Ticket | None = None) -> int:
        """Return the KV bytes this batch will hold, with a request admitted."""
        held = {size: slots.bytes_with(0) for size, slots in self._slots.items()}
        if ticket:
            size = ticket.bucket
            slots = self._slots.get(size) or new_slots(self.loaded, size)
            held[size] = slots.bytes_with(ticket.request.params.num_return_sequences)
        return sum(held.values())

    def join(self, ticket: Ticket) -> None:
        """Give each returned sequence a row; the prompt is read in the next steps."""
        params, size = ticket.request.params, ticket.bucket
        if params.do_sample and params.seed is not None:
            ticket.generator = torch.Generator(self.loaded.device).manual_seed(params.seed)
        slots = self._slots.get(size) or self._slots.setdefault(size, new_slots(self.loaded, size))
        for index in range(params.num_return_sequences):
            text = TextStream(self.loaded.vocabulary, ticket.ids[-1], params.stop)
            row = Row(ticket=ticket, index=index, text=text, slots=slots, state=ticket.state)
            slots.rows.append(row)
            ticket.rows.append(row)
        self._reading.append(ticket)

    @torch.inference_mode()
    def leave(self, ticket: Ticket, *, wipe: bool = False) -> None:
        """Free the slots of a request that ends early; `wipe` where its numbers are not sound."""
        wipe = wipe or ticket in self._reading  # nobody has looked at what is read so far
        for row in ticket.rows:
            self._remove(row, wipe=wipe)
        ticket.rows = []
        if ticket in self._reading:
            self._reading.remove(ticket)

    @torch.inference_mode()
    def step(self) -> Turn:
        """Run the model on what goes on, then choose one token for each active row."""
        turn = Turn()
        self._pause_and_resume()
        if not self._run(turn):
            return turn
        rows = [row for slots in self._in_order() for row in slots.rows[: slots.active]]
        if self._went_first:  # the others have taken their token of the last forward
            rows = [row for row in rows if not row.new_tokens]
        if rows:
            turn.size = len(rows)
            self._choose(rows, turn)
        return turn

    # choosing
    def _choose(self, rows: list[Row], turn: Turn) -> None:
        if rows != self._decoded:
            self._decoded = rows
            self._logits = torch.stack([row.logits for row in rows if row.logits is not None])
        picked = self._chooser.pick(rows, self._logits)
        now_s, steps = time.monotonic(), dict[Ticket, list[TokenStep]]()
        for row, one in zip(rows, picked):
            if isinstance(one, Exception):
                self._fail(row.ticket, one, turn)
            elif math.isnan(one.logprob):
                self._fail(row.ticket, unsound(self.loaded.info), turn)
            elif row.ticket.rows:  # its request has not failed at another row
                steps.setdefault(row.ticket, []).append(self._advance(row, one))
        for ticket, made in steps.items():
            if not ticket.rows:
                continue
            ticket.output_tokens += len(made)
            ticket.step_times_s.append(now_s)
            try:
                ticket.channel.put(sorted(made, key=lambda step: step.row))
            except Exception as error:  # its reader's own
                self._fail(ticket, error, turn)
                continue
            for row in [row for row in ticket.rows if row.finish_reason]:
                self._remove(row)
                ticket.rows.remove(row)
            if not ticket.rows:
                turn.ended.append(ticket)

    def _advance(self, row: Row, picked: Picked) -> TokenStep:
        """Take a token into a row and write its record."""
        text, row.finish_reason = self._take(row, picked.token_id)
        vocabulary = self.loaded.vocabulary
        return TokenStep(
            row=row.index,
            token_id=picked.token_id,
            text=text,
            piece=vocabulary.pieces[picked.token_id],
            data=vocabulary.data(picked.token_id),
            logprob=picked.logprob,
            prob=picked.prob,
            alternatives=Candidates(
                vocabulary.pieces,
                picked.best,
                picked.row,
                row.ticket.request.params.num_alternatives,
            ),
            finish_reason=row.finish_reason,
        )

    def _take(self, row: Row, token_id: int) -> tuple[str, FinishReason | None]:
        """Return what became printable with a token and whether the row ends."""
        row.last_id = token_id
        row.new_tokens += 1
        if token_id in self.loaded.end_ids:
            return row.text.flush(), "stop"
        if row.ticket.automaton:
            row.state = row.ticket.automaton.after(row.state, token_id)
        text = row.text.push(token_id)
        if row.text.stopped:
            return text, "stop"
        if row.new_tokens == row.ticket.request.params.max_new_tokens:
            return text + row.text.flush(), "length"
        return text, None

    # running the model
    def _run(self, turn: Turn) -> bool:
        """One forward: the last token of each active row, and the next piece of the prompts.

        Returns False where it found no memory: somebody has left, and it is to be run again.
        """
        parts: list[Part] = []
        device = self.loaded.device
        for slots in self._in_order():
            while slots.rows and not found_room(slots.fit, device):
                self._retire_newest(slots.rows, turn)
            if slots.active:
                parts.append(decode_part(slots, device))
        running = sum(len(part.rows) for part in parts)
        budget = READ_BESIDE + running if running else READ_ALONE
        pieces = list(self._pieces(budget))
        ends = [(t, n) for t, n in pieces if t.read + n == len(t.ids) <= budget]
        self._went_first = bool(running and ends) and not self._went_first
        if self._went_first:  # a small forward
            parts, pieces = [], ends
        parts += (chunk_part(ticket, n, device) for ticket, n in pieces)
        if not parts:
            return True
        turn.worked = True
        done: list[tuple[torch.Tensor, dict[Ticket, Exception]]] = []
        everyone = len({row.ticket for slots in self._slots.values() for row in slots.rows})
        if not found_room(lambda: done.append(self._forward(parts, everyone)), device):
            self._retire_newest([row for part in parts for row in part.rows], turn)
            return False
        [(logits, failed)] = done
        decoded = [row for part in parts if not part.ticket for row in part.rows]
        for row, found in zip((row for part in parts for row in part.rows), logits.unbind()):
            row.logits = found
        for row in decoded:
            row.length += 1
        for ticket, n in pieces:
            ticket.read += n
            ticket.rows[0].length = ticket.read
        # only now: whoever leaves has others moved into their slots
        self._decoded, self._logits = decoded, logits[: len(decoded)]
        for ticket, error in failed.items():
            self._fail(ticket, error, turn)
        for ticket, _ in pieces:
            if ticket.rows and ticket.read == len(ticket.ids):
                self._begin(ticket)
        return True

    def _retire_newest(self, rows: list[Row], turn: Turn) -> None:
        """Let the request go that came last, so that the others have its memory."""
        self._fail(newest(rows), out_of_memory(self.loaded.info), turn)

    def _pieces(self, budget: int) -> Iterator[tuple[Ticket, int]]:
        """Yield whose prompt is read on, and how many tokens of it.

        The oldest, with half of the budget where others wait, then the shortest: a long prompt
        delays no short one, and comes to its end. What cannot be read in pieces is read whole, one
        prompt after another.
        """
        reading = [ticket for ticket in self._reading if not self._waits_to_copy(ticket)]
        if not reading:
            return
        oldest, *others = reading
        others.sort(key=lambda ticket: len(ticket.ids) - ticket.read)
        first = min(len(oldest.ids) - oldest.read, budget // 2 if others else budget)
        for ticket, most in ((oldest, first), *((ticket, budget) for ticket in others)):
            left = len(ticket.ids) - ticket.read
            n = min(left, most, budget) if self.loaded.batches else left
            if min(n, budget) > 0:
                budget -= n
                yield ticket, n

    def _waits_to_copy(self, ticket: Ticket) -> bool:
        """Copy what another has read of the same prompt; True where one still reads it."""
        if not self.loaded.batches:
            return False
        running = dict.fromkeys(row.ticket for slots in self._in_order() for row in slots.rows)
        return take_over(ticket, list(running), self._reading)

    def _begin(self, ticket: Ticket) -> None:
        """Let the rows decode: the prompt is read once and copied to the others."""
        self._reading.remove(ticket)
        first, *others = ticket.rows
        cache, all_rows = first.slots.cache, first.slots.rows
        for row in others:
            cache.move(all_rows.index(first), all_rows.index(row), first.length)
            row.length, row.logits = first.length, first.logits
        for row in ticket.rows:
            row.slots.activate(row)

    # slots
    def _in_order(self) -> list[Slots]:
        return [slots for _, slots in sorted(self._slots.items())]

    def _pause_and_resume(self) -> None:
        """Keep the rows whose reader is too far behind out of the active slots."""
        for slots in self._slots.values():
            tickets = dict.fromkeys(row.ticket for row in slots.rows)
            full = {t for t in tickets if t.channel.full}
            if not full and slots.active == len(slots.rows):
                continue
            for row in [row for t in tickets if t not in self._reading for row in t.rows]:
                if row.ticket in full and slots.is_active(row):
                    slots.pause(row)
                elif row.ticket not in full and not slots.is_active(row):
                    slots.activate(row)

    def _remove(self, row: Row, *, wipe: bool = False) -> None:
        row.slots.remove(row, wipe=wipe)
        if not row.slots.rows:
            del self._slots[row.slots.cache.positions]

    def _fail(self, ticket: Ticket, error: Exception, turn: Turn) -> None:
        """Retire a request that went wrong; the others go on."""
        if ticket.rows:
            error = as_told(error, self.loaded.info)
            log.error("a request failed", exc_info=error)
            self.leave(ticket, wipe=True)
            turn.failed.append((ticket, error))
            turn.worked = True
