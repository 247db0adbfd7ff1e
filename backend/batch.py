"""The rows that one model decodes together: join, one step for all, leave.

Only the model thread touches a Batch. Slots [0, active) run; the slots behind them are rows whose
reader is too far behind. Seeded text equals `generate`'s: a request draws once per step with shape
(num_return_sequences, vocab) until its last row ends, from a generator of its own.
"""

import inspect
import time
from dataclasses import dataclass, field

import torch

from backend.automaton import Automaton, constrained
from backend.channel import Channel
from backend.detokenizer import TextStream
from backend.kv_cache import SlotCache, bucket
from backend.models import LoadedModel
from backend.sampling import RowParams, as_candidates, exponential_noise, warp
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
    generator: torch.Generator | None = None
    rows: "list[Row]" = field(default_factory=list)  # those still running


@dataclass(kw_only=True, eq=False)
class Row:
    """One sequence of a request."""

    ticket: Ticket
    index: int  # 0 ... num_return_sequences-1
    text: TextStream
    length: int  # positions in the cache
    last_id: int = 0
    new_tokens: int = 0
    state: int = 0  # of the ticket's automaton


class Batch:
    """All running rows of one model, and their KV cache."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.cache = SlotCache(
            loaded.model.config.get_text_config(decoder=True),
            dtype=loaded.model.dtype,
            device=loaded.device,
        )
        self.rows: list[Row] = []
        self.active = 0
        shape = (0, loaded.info.vocab_size)
        # named, since a load in another thread changes torch's default dtype
        self._logits = torch.empty(shape, dtype=torch.float32, device=loaded.device)
        self._params: RowParams | None = None  # of the active rows; None when they have changed
        keeps = "logits_to_keep" in inspect.signature(loaded.model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if keeps else {}

    def bytes_with(self, ticket: Ticket) -> int:
        """Return the KV bytes this batch would hold with the request admitted."""
        return self.cache.bytes_for(*self._room_for(ticket))

    def _room_for(self, ticket: Ticket) -> tuple[int, int]:
        params = ticket.request.params
        rows = len(self.rows) + params.num_return_sequences
        positions = bucket(len(ticket.ids) + params.max_new_tokens)
        rows_held = max(1 << (rows - 1).bit_length(), self.cache.rows)
        return rows_held, max(positions, self.cache.positions)

    @torch.inference_mode()
    def join(self, ticket: Ticket) -> None:
        """Prefill the prompt once, and give each returned sequence a row of its own."""
        params, n_ids = ticket.request.params, len(ticket.ids)
        self.cache.reserve(*self._room_for(ticket))
        if len(self._logits) < self.cache.rows:
            grown = self._logits.new_empty(self.cache.rows, self._logits.shape[1])
            grown[: len(self._logits)] = self._logits
            self._logits = grown
        device = self.loaded.device
        first = len(self.rows)
        self.cache.begin_prefill(first, 0, n_ids)
        logits = self._forward(
            torch.tensor([ticket.ids], device=device),
            torch.arange(n_ids, device=device)[None],
            torch.ones(n_ids, n_ids, dtype=torch.bool, device=device).tril()[None, None],
        )
        if params.do_sample and params.seed is not None:
            ticket.generator = torch.Generator(device).manual_seed(params.seed)
        for index in range(params.num_return_sequences):
            slot = first + index
            if index:
                self.cache.move(first, slot, n_ids)
            self._logits[slot] = logits[0]
            text = TextStream(self.loaded.vocabulary, ticket.ids[-1], params.stop)
            row = Row(ticket=ticket, index=index, text=text, length=n_ids, state=ticket.state)
            self.rows.append(row)
            ticket.rows.append(row)
        for slot in range(first, len(self.rows)):
            self._swap(slot, self.active)
            self.active += 1

    @torch.inference_mode()
    def leave(self, ticket: Ticket) -> None:
        """Free the slots of a request that ends early."""
        for row in ticket.rows:
            self._remove(row)
        ticket.rows = []

    @torch.inference_mode()
    def step(self) -> tuple[list[Ticket], int]:
        """Choose one token for each active row, then run the model on those that go on.

        Returns the requests whose last row has ended, and how many rows took part.
        """
        self._pause_and_resume()
        if not self.active:
            return [], 0
        rows = self.rows[: self.active]
        tickets = list(dict.fromkeys(row.ticket for row in rows))
        ended_rows = self._choose(rows)
        now_s = time.monotonic()
        for ticket in tickets:
            ticket.step_times_s.append(now_s)
        for row in ended_rows:
            self._remove(row)
            row.ticket.rows.remove(row)
        if self.active:
            self._decode(self.rows[: self.active])
        return [ticket for ticket in tickets if not ticket.rows], len(rows)

    def _choose(self, rows: list[Row]) -> list[Row]:
        """Draw a token per row, send the steps, return the rows that end with it."""
        logits = self._logits[: len(rows)]
        if self._params is None:
            settings = [row.ticket.request.params for row in rows]
            self._params = RowParams.of(settings, vocab=logits.shape[1], device=logits.device)
        logprobs = logits.log_softmax(-1)
        n_candidates = max(row.ticket.request.params.num_alternatives for row in rows)
        best = logprobs.topk(min(n_candidates, logits.shape[1]))
        logits = constrained(logits, [(row.ticket.automaton, row.state) for row in rows])
        scores, removed_by = warp(logits, self._params, best.indices)
        probs = scores.softmax(-1)
        tokens = self._draw(rows, logits, probs)
        column = tokens[:, None]
        chosen = torch.cat([logprobs.gather(1, column), probs.gather(1, column)], 1).tolist()
        candidates = zip(
            best.indices.tolist(),
            best.values.tolist(),
            probs.gather(1, best.indices).tolist(),
            removed_by.tolist(),
            strict=True,
        )
        ended: list[Row] = []
        steps: dict[Ticket, list[TokenStep]] = {}
        for row, token_id, (logprob, prob), found in zip(rows, tokens.tolist(), chosen, candidates):
            text, finish_reason = self._advance(row, token_id)
            if finish_reason:
                ended.append(row)
            vocabulary = self.loaded.vocabulary
            step = TokenStep(
                row=row.index,
                token_id=token_id,
                text=text,
                piece=vocabulary.pieces[token_id],
                data=vocabulary.data(token_id),
                logprob=logprob,
                prob=prob,
                alternatives=as_candidates(
                    vocabulary.pieces, found, row.ticket.request.params.num_alternatives
                ),
                finish_reason=finish_reason,
            )
            steps.setdefault(row.ticket, []).append(step)
        for ticket, ticket_steps in steps.items():
            ticket.output_tokens += len(ticket_steps)
            ticket.channel.put(sorted(ticket_steps, key=lambda step: step.row))
        return ended

    def _draw(self, rows: list[Row], logits: torch.Tensor, probs: torch.Tensor) -> torch.Tensor:
        """Return (rows,) token ids: the argmax of greedy rows, a seeded draw of the others."""
        greedy = logits.argmax(-1)
        noise: dict[Ticket, torch.Tensor] = {}
        parts = []
        for row in rows:
            ticket = row.ticket
            if ticket.generator is None:
                parts.append(torch.ones_like(probs[0]))
                continue
            if ticket not in noise:
                n = ticket.request.params.num_return_sequences
                noise[ticket] = exponential_noise(n, probs.shape[1], ticket.generator)
            parts.append(noise[ticket][row.index])
        if not noise:
            return greedy
        drawn = (probs / torch.stack(parts)).argmax(-1)
        samples = [row.ticket.generator is not None for row in rows]
        return torch.where(torch.tensor(samples, device=drawn.device), drawn, greedy)

    def _advance(self, row: Row, token_id: int) -> tuple[str, FinishReason | None]:
        """Take a token into a row; return what became printable and whether the row ends."""
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

    def _decode(self, rows: list[Row]) -> None:
        """Run the model on each row's last token; every row writes at its own length."""
        device = self.loaded.device
        lengths = torch.tensor([row.length for row in rows], device=device)
        longest = max(row.length for row in rows)
        self.cache.begin_decode(lengths, longest)
        seen = torch.arange(longest + 1, device=device) <= lengths[:, None]  # (rows, positions)
        last = torch.tensor([[row.last_id] for row in rows], device=device)
        self._logits[: len(rows)] = self._forward(last, lengths[:, None], seen[:, None, None])
        for row in rows:
            row.length += 1

    def _forward(
        self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the last position's logits, (rows, vocab) in fp32 so that softmax is exact."""
        out = self.loaded.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=self.cache,
            use_cache=True,
            **self._last_only,
        )
        return out.logits[:, -1].float()

    def _pause_and_resume(self) -> None:
        """Keep the rows whose reader is too far behind out of the active slots."""
        tickets = dict.fromkeys(row.ticket for row in self.rows)
        if self.active == len(self.rows) and not any(t.channel.full for t in tickets):
            return
        for ticket in tickets:
            full = ticket.channel.full
            for row in ticket.rows:
                slot = self.rows.index(row)
                if full and slot < self.active:
                    self.active -= 1
                    self._swap(slot, self.active)
                elif not full and slot >= self.active:
                    self._swap(slot, self.active)
                    self.active += 1

    def _remove(self, row: Row) -> None:
        """Take a row out: the last active row moves into its slot, the last row into that one's."""
        slot = self.rows.index(row)
        if slot < self.active:
            self.active -= 1
            self._replace(slot, self.active)
            slot = self.active
        self._replace(slot, len(self.rows) - 1)
        self.rows.pop()
        self._params = None
        if not self.rows:
            self.cache.clear()

    def _replace(self, slot: int, source: int) -> None:
        if slot != source:
            self.cache.move(source, slot, self.rows[source].length)
            self._logits[slot] = self._logits[source]
            self.rows[slot] = self.rows[source]

    def _swap(self, a: int, b: int) -> None:
        self._params = None
        if a != b:
            self.cache.swap(a, b)
            self._logits[[a, b]] = self._logits[[b, a]]
            self.rows[a], self.rows[b] = self.rows[b], self.rows[a]
