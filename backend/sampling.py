"""The filters between logits and the drawn token, on a batch of rows with settings of their own.

Order and arithmetic are those of transformers' logits warpers (generation/logits_process.py):
temperature, top-k, top-p, epsilon, each on what the one before left, renormalised. A draw is
argmax(p / q) with q exponential, which is what `torch.multinomial` computes for one sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from backend.types import Filter, SamplingParams

FILTERS: tuple[Filter, ...] = ("top_k", "top_p", "epsilon_cutoff")
REMOVED = float("-inf")


@dataclass(frozen=True, kw_only=True)
class RowParams:
    """The settings of a batch; `..._rows` are the indexes of the rows a filter acts on."""

    temperature: torch.Tensor  # (rows, 1)
    top_k: torch.Tensor  # (filtered rows, 1)
    top_k_rows: torch.Tensor
    top_p: torch.Tensor  # (filtered rows, 1)
    top_p_rows: torch.Tensor
    epsilon: torch.Tensor  # (filtered rows, 1)
    epsilon_rows: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[SamplingParams], *, vocab: int, device: torch.device) -> "RowParams":
        """Collect the settings of `rows`; greedy rows pass every filter untouched."""

        def column(values: list[float], dtype: torch.dtype = torch.float32) -> torch.Tensor:
            return torch.tensor(values, dtype=dtype, device=device)[:, None]

        def chosen(wanted: list[bool]) -> torch.Tensor:
            return torch.tensor(
                [i for i, w in enumerate(wanted) if w], dtype=torch.long, device=device
            )

        top_k = [r.do_sample and 0 < r.top_k < vocab for r in rows]
        top_p = [r.do_sample and r.top_p < 1 for r in rows]
        epsilon = [r.do_sample and r.epsilon_cutoff > 0 for r in rows]
        return cls(
            temperature=column([r.temperature if r.do_sample else 1.0 for r in rows]),
            top_k=column([r.top_k for r, w in zip(rows, top_k) if w], torch.long),
            top_k_rows=chosen(top_k),
            # 1 - top_p in double, as the warper's Python float, then rounded to fp32 once
            top_p=column([1 - r.top_p for r, w in zip(rows, top_p) if w]),
            top_p_rows=chosen(top_p),
            epsilon=column([r.epsilon_cutoff for r, w in zip(rows, epsilon) if w]),
            epsilon_rows=chosen(epsilon),
        )


def below_top_k(scores: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return (rows, vocab) True where a score is below its row's k-th best; k is (rows, 1)."""
    best = scores.topk(int(k.max())).values
    return scores < best.gather(1, k - 1)


def outside_top_p(scores: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """Return True for the smallest tokens whose mass together is at most `rest` = 1 - top_p."""
    if scores.device.type == "cpu":  # numpy sorts a row thirty times faster than torch
        ascending = torch.from_numpy(np.sort(scores.numpy(), axis=-1))
    else:
        ascending = scores.sort().values
    removed = ascending.softmax(-1).cumsum(-1) <= rest
    removed[:, -1] = False
    count = removed.sum(-1, keepdim=True)
    kept = ascending.gather(1, count)  # the smallest score that stays
    if (ascending.gather(1, (count - 1).clamp(min=0)) == kept).logical_and(count > 0).any():
        order = scores.argsort()  # a tie across the cut: its order decides, as in the warper
        return removed.scatter(1, order, removed)
    return scores < kept


def below_epsilon(scores: torch.Tensor, epsilon: torch.Tensor) -> torch.Tensor:
    """Return True where a probability is below `epsilon`, but never for the best token."""
    return (scores.softmax(-1) < epsilon) & (scores < scores.amax(-1, keepdim=True))


def warp(
    logits: torch.Tensor, params: RowParams, candidates: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply temperature and filters to (rows, vocab) fp32 logits.

    Returns the scores, -inf where removed, and for `candidates` (rows, n) of token ids the number
    of the filter that removed each: 0 for none, else 1 + its index in FILTERS.
    """
    scores = logits / params.temperature
    removed_by = torch.zeros_like(candidates)
    for number, (rows, values, removes) in enumerate(
        (
            (params.top_k_rows, params.top_k, below_top_k),
            (params.top_p_rows, params.top_p, outside_top_p),
            (params.epsilon_rows, params.epsilon, below_epsilon),
        ),
        start=1,
    ):
        if not len(rows):
            continue
        everyone = len(rows) == len(scores)
        part = scores if everyone else scores[rows]
        part = part.masked_fill(removes(part, values), REMOVED)
        scores = part if everyone else scores.index_copy(0, rows, part)
        gone = scores.gather(1, candidates).isinf() & (removed_by == 0)
        removed_by[gone] = number
    return scores, removed_by


def exponential_noise(rows: int, vocab: int, generator: torch.Generator) -> torch.Tensor:
    """Return the (rows, vocab) numbers that `multinomial` would draw next from this generator."""
    noise = torch.empty(rows, vocab, device=generator.device)
    return noise.exponential_(generator=generator)
