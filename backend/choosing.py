"""Choose a token for each row of a batch: log-probabilities, constraint, filters, draw."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from backend.automaton import constrained
from backend.models import LoadedModel
from backend.rows import Row, Ticket
from backend.sampling import REMOVERS, RowParams, exponential_noise, warp
from backend.types import Candidate

# of one row's likeliest tokens: ids, logprobs, probs, indices in REMOVERS
Found = tuple[Sequence[int], Sequence[float], Sequence[float], Sequence[int]]


class Candidates(Sequence[Candidate]):
    """The first `n` of what was found, made into `Candidate`s only when somebody looks."""

    __slots__ = ("_found", "_n", "_pieces")

    def __init__(self, pieces: Sequence[str], found: Found, n: int) -> None:
        self._pieces, self._found, self._n = pieces, found, min(n, len(found[0]))

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i):  # type: ignore[no-untyped-def]  # one for an int, a tuple for a slice
        if isinstance(i, slice):
            return tuple(self[k] for k in range(*i.indices(self._n)))
        token_id, logprob, prob, remover = (column[range(self._n)[i]] for column in self._found)
        return Candidate(
            token_id=token_id,
            text=self._pieces[token_id],
            logprob=logprob,
            prob=prob,
            removed_by=REMOVERS[remover],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


class Picked(NamedTuple):
    """A row's token, its raw log-probability and its probability after the filters."""

    token_id: int
    logprob: float
    prob: float
    found: Found  # of the likeliest tokens


class Chooser:
    """Keeps the settings of the rows as tensors while these stay the same."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._vocab, self._device = loaded.info.vocab_size, loaded.device
        self._rows: list[Row] = []
        self._params = self._settings([])
        # named, since a load in another thread changes torch's default dtype
        self._noise = torch.ones(0, self._vocab, dtype=torch.float32, device=loaded.device)

    def pick(self, rows: list[Row], logits: torch.Tensor) -> list[Picked | Exception]:
        """Return for each row its token, or what its own settings or numbers raised.

        `logits` (rows, vocab) fp32.
        """
        noise = self._draw(rows)
        if rows != self._rows:
            self._rows, self._params = rows, self._settings(rows)
        try:
            return list(pick(rows, logits, noise, self._params))
        except Exception:  # one of them: each alone shows which; what was drawn stays
            return [self._alone(row, i, logits, noise) for i, row in enumerate(rows)]

    def _alone(
        self, row: Row, i: int, logits: torch.Tensor, noise: torch.Tensor | None
    ) -> Picked | Exception:
        drawn = None if noise is None else noise[i : i + 1]
        try:
            [picked] = pick([row], logits[i : i + 1], drawn, self._settings([row]))
        except Exception as error:
            return error
        return picked

    def _settings(self, rows: list[Row]) -> RowParams:
        params = [row.ticket.request.params for row in rows]
        return RowParams.of(params, vocab=self._vocab, device=self._device)

    def _draw(self, rows: list[Row]) -> torch.Tensor | None:
        """Return (rows, vocab) exponential noise, each request's from its own generator."""
        if all(row.ticket.generator is None for row in rows):
            return None
        if len(self._noise) < len(rows):
            self._noise = self._noise.new_ones(len(rows), self._vocab)
        of_many: dict[Ticket, torch.Tensor] = {}
        for i, row in enumerate(rows):
            generator, n = row.ticket.generator, row.ticket.request.params.num_return_sequences
            if generator is None:
                continue
            if n == 1:
                self._noise[i].exponential_(generator=generator)
                continue
            if row.ticket not in of_many:
                of_many[row.ticket] = exponential_noise(n, self._vocab, generator)
            self._noise[i] = of_many[row.ticket][row.index]
        return self._noise[: len(rows)]


def pick(
    rows: list[Row], logits: torch.Tensor, noise: torch.Tensor | None, params: RowParams
) -> Iterable[Picked]:
    """Yield each row's token: the argmax of greedy rows, probs / noise's of the others."""
    logprobs = logits.log_softmax(-1)
    n = max(row.ticket.request.params.num_alternatives for row in rows)
    best = logprobs.topk(min(n, logits.shape[1]))
    logits = constrained(logits, [(row.ticket.automaton, row.state) for row in rows])
    scores, removed_by = warp(logits, params, best.indices)
    probs = scores.softmax(-1)
    samples = [row.ticket.generator is not None for row in rows]
    if noise is None:
        tokens = logits.argmax(-1)
    else:
        tokens = (probs / noise).argmax(-1)
        if not all(samples):
            sampled = torch.tensor(samples, device=tokens.device)
            tokens = torch.where(sampled, tokens, logits.argmax(-1))
    column = tokens[:, None]
    columns = zip(
        tokens.tolist(),
        logprobs.gather(1, column)[:, 0].tolist(),
        probs.gather(1, column)[:, 0].tolist(),
        zip(
            best.indices.tolist(),
            best.values.tolist(),
            probs.gather(1, best.indices).tolist(),
            removed_by.tolist(),
        ),
    )
    return list(map(Picked._make, columns))
