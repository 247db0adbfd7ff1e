"""Choose a token for each row of a batch: log-probabilities, constraint, filters, draw."""

import contextlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
import torch

from backend.automaton import constrained
from backend.models import LoadedModel
from backend.noise import as_noise, draw, noise_dtype
from backend.rows import Row, Ticket
from backend.sampling import REMOVERS, RowParams, warp
from backend.types import Candidate

PAGE = 65536  # bytes


class Best(NamedTuple):
    """The likeliest tokens of a step's rows, each (rows, n); `removed_by` as indices in REMOVERS.

    One for all rows: what a step keeps is what the garbage collector has to look through.
    """

    ids: np.ndarray
    logprobs: np.ndarray
    probs: np.ndarray
    removed_by: np.ndarray


class Shelf:
    """Pages of their own for what a step keeps.

    In the heap each small array would stay behind in the place of a step's large temporary ones,
    which fits none of them any more: a page that holds a run of 100 tokens held 1.9 MiB, not 0.3.
    """

    def __init__(self) -> None:
        self._page = np.empty(0, np.uint8)

    def keep(self, values: torch.Tensor, dtype: type[np.generic]) -> np.ndarray:
        """Return a copy of a tensor."""
        nbytes = values.numel() * np.dtype(dtype).itemsize
        taken = -(-nbytes // 8) * 8
        if taken > len(self._page):
            self._page = np.frombuffer(mmap.mmap(-1, max(PAGE, taken)), np.uint8)
        copy = self._page[:nbytes].view(dtype).reshape(values.shape)
        copy[...] = values.cpu().numpy()
        self._page = self._page[taken:]
        return copy


class Candidates(Sequence[Candidate]):
    """The first `n` of a row's likeliest, made into `Candidate`s only when somebody looks."""

    __slots__ = ("_best", "_n", "_pieces", "_row")

    def __init__(self, pieces: Sequence[str], best: Best, row: int, n: int) -> None:
        self._pieces, self._best, self._row = pieces, best, row
        self._n = min(n, best.ids.shape[1])

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i):  # type: ignore[no-untyped-def]  # one for an int, a tuple for a slice
        return tuple(self)[i]

    def __iter__(self) -> Iterator[Candidate]:
        columns = (column[self._row, : self._n].tolist() for column in self._best)
        for token_id, logprob, prob, remover in zip(*columns):
            yield Candidate(
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
    best: Best  # of all rows
    row: int  # in `best`


class Chooser:
    """Keeps the settings of the rows as tensors while these stay the same."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._vocab, self._device = loaded.info.vocab_size, loaded.device
        self._rows: list[Row] = []
        self._params = self._settings([])
        self._shelf = Shelf()
        # what the rows drew; its dtype is named, since a load in another thread changes the default
        self._drawn = torch.zeros(
            0, self._vocab, dtype=noise_dtype(loaded.device), device=loaded.device
        )

    def pick(self, rows: list[Row], logits: torch.Tensor) -> list[Picked | Exception]:
        """Return for each row its token, or what its own settings or numbers raised.

        `logits` (rows, vocab) fp32.
        """
        noise = self._draw(rows)
        if rows != self._rows:
            self._rows, self._params = rows, self._settings(rows)
        with contextlib.suppress(Exception):
            return list(pick(rows, logits, noise, self._params, self._shelf))
        # one of them: each alone shows which; what was drawn stays, what had failed is free again
        return [self._alone(row, i, logits, noise) for i, row in enumerate(rows)]

    def _alone(
        self, row: Row, i: int, logits: torch.Tensor, noise: torch.Tensor | None
    ) -> Picked | Exception:
        drawn = None if noise is None else noise[i : i + 1]
        try:
            params = self._settings([row])
            [picked] = pick([row], logits[i : i + 1], drawn, params, self._shelf)
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
        if len(self._drawn) < len(rows):
            self._drawn = self._drawn.new_full((len(rows), self._vocab), 0.5)
        of_many: dict[Ticket, torch.Tensor] = {}
        for i, row in enumerate(rows):
            generator, n = row.ticket.generator, row.ticket.request.params.num_return_sequences
            if generator is None:
                continue
            if n == 1:
                draw(self._drawn[i], generator)
                continue
            if row.ticket not in of_many:
                of_many[row.ticket] = self._drawn.new_empty(n, self._vocab)
                draw(of_many[row.ticket], generator)
            self._drawn[i] = of_many[row.ticket][row.index]
        return as_noise(self._drawn[: len(rows)])


def likeliest(scores: torch.Tensor) -> torch.Tensor:
    """Return (rows,) the ids of the largest; numpy finds them in a tenth of torch's time."""
    if scores.device.type == "cpu":
        return torch.from_numpy(scores.numpy().argmax(-1))
    return scores.argmax(-1)


def pick(
    rows: list[Row],
    logits: torch.Tensor,
    noise: torch.Tensor | None,
    params: RowParams,
    shelf: Shelf,
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
        tokens = likeliest(logits)
    else:
        tokens = likeliest(probs / noise)
        if not all(samples):
            sampled = torch.tensor(samples, device=tokens.device)
            tokens = torch.where(sampled, tokens, likeliest(logits))
    column = tokens[:, None]
    kept = Best(
        ids=shelf.keep(best.indices, np.int32),
        logprobs=shelf.keep(best.values, np.float32),
        probs=shelf.keep(probs.gather(1, best.indices), np.float32),
        removed_by=shelf.keep(removed_by, np.int8),
    )
    columns = zip(
        tokens.tolist(),
        logprobs.gather(1, column)[:, 0].tolist(),
        probs.gather(1, column)[:, 0].tolist(),
        repeat(kept),
        range(len(rows)),
    )
    return list(map(Picked._make, columns))
