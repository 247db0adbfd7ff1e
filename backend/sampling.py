"""The filters between logits and the drawn token, on a batch of rows with settings of their own.

Order and arithmetic are those of transformers' logits warpers (generation/logits_process.py):
temperature, top-k, top-p, min-p, typical, epsilon, each on what the one before left, renormalised.
A draw is argmax(p / q) with q exponential, which is what `torch.multinomial` computes for one
sample. `stages` shows the same steps on one distribution, for the teaching view.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from backend.errors import LabError
from backend.types import Filter, RemovedBy, SamplingParams, Stage

REMOVED = float("-inf")
STEPS: tuple[str, ...] = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
)
COLDEST = 1e-30  # temperature: greedy already, and logits over less are infinite
LIKELIEST = 64  # tokens among which top-p's cut mostly lies
ROUNDING_OF_SUMS = 1e-4  # more than sums of a vocabulary's probabilities differ by their order
ROUNDING = 0.005  # how far from 1 the sum of given probabilities may be


def below_top_k(scores: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return (rows, vocab) True where a score is below its row's k-th best; k is (rows, 1)."""
    best = scores.topk(int(k.max())).values
    return scores < best.gather(1, k - 1)


def outside_top_p(scores: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """Return True for the smallest tokens whose mass together is at most `rest` = 1 - top_p.

    The cut is looked for among the likeliest; where it is not there, or so near to a token that
    rounding could decide, the row is sorted whole as the warper does.
    """
    best, ids = scores.topk(min(LIKELIEST, scores.shape[1]))
    probs = scores.softmax(-1).gather(1, ids)
    over = 1 - (probs.cumsum(-1) - probs) - rest  # of its mass and all below it; falls
    kept = (over > 0).sum(-1, keepdim=True)
    last = best.gather(1, (kept - 1).clamp(min=0))
    first_gone = best.gather(1, kept.clamp(max=best.shape[1] - 1))
    sure = (last > first_gone) & (over.abs().amin(-1, keepdim=True) > ROUNDING_OF_SUMS)
    removed = scores < last
    if not sure.all():
        unsure = (~sure[:, 0]).nonzero()[:, 0]
        removed[unsure] = outside_top_p_sorted(scores[unsure], rest[unsure])
    return removed


def outside_top_p_sorted(scores: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """The same by sorting, in the warper's own order of sums."""
    if scores.device.type == "cpu":  # numpy sorts faster than torch
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


def below_min_p(scores: torch.Tensor, min_p: torch.Tensor) -> torch.Tensor:
    """Return True where a probability is below `min_p` times the best one (Nguyen et al., 2024)."""
    probs = scores.softmax(-1)
    return probs < min_p * probs.amax(-1, keepdim=True)


def atypical(scores: torch.Tensor, mass: torch.Tensor) -> torch.Tensor:
    """Return True outside the `mass` of tokens whose surprise is nearest to the entropy.

    Meister et al., 2023, Locally Typical Sampling.
    """
    logprobs = scores.log_softmax(-1)
    entropy = -(logprobs * logprobs.exp()).nansum(-1, keepdim=True)
    distance, order = (-logprobs - entropy).abs().sort()
    cumulative = scores.gather(1, order).softmax(-1).cumsum(-1)
    last = (cumulative < mass).sum(-1, keepdim=True).clamp(max=scores.shape[1] - 1)
    removed = distance > distance.gather(1, last)
    removed[:, 0] = False
    return removed.scatter(1, order, removed)


def below_epsilon(scores: torch.Tensor, epsilon: torch.Tensor) -> torch.Tensor:
    """Return True where a probability is below `epsilon`, but never for the best token."""
    return (scores.softmax(-1) < epsilon) & (scores < scores.amax(-1, keepdim=True))


Removes = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
REMOVES: Mapping[Filter, Removes] = {  # in transformers' order
    "top_k": below_top_k,
    "top_p": outside_top_p,
    "min_p": below_min_p,
    "typical_p": atypical,
    "epsilon_cutoff": below_epsilon,
}
FILTERS: tuple[Filter, ...] = tuple(REMOVES)
REMOVERS: tuple[RemovedBy, ...] = ("", *FILTERS, "constraint")


def active(name: Filter, params: SamplingParams, vocab: int) -> float | None:
    """Return what a filter compares with, None where it is off."""
    if name == "top_k":
        return params.top_k if 0 < params.top_k < vocab else None
    if name == "top_p":  # 1 - top_p in double, as the warper's Python float; fp32 afterwards
        return 1 - params.top_p if params.top_p < 1 else None
    if name == "min_p":
        return params.min_p or None
    if name == "typical_p":
        return params.typical_p if params.typical_p < 1 else None
    return params.epsilon_cutoff or None


@dataclass(frozen=True, kw_only=True)
class RowParams:
    """The settings of a batch; for each filter the rows it acts on, and their values (rows, 1)."""

    temperature: torch.Tensor  # (rows, 1)
    filters: Mapping[Filter, tuple[torch.Tensor, torch.Tensor]]

    @classmethod
    def of(cls, rows: Sequence[SamplingParams], *, vocab: int, device: torch.device) -> "RowParams":
        """Collect the settings of `rows`; greedy rows pass every filter untouched."""
        filters: dict[Filter, tuple[torch.Tensor, torch.Tensor]] = {}
        for name in FILTERS:
            values = [active(name, row, vocab) if row.do_sample else None for row in rows]
            wanted = [(i, value) for i, value in enumerate(values) if value is not None]
            dtype = torch.long if name == "top_k" else torch.float32
            filters[name] = (
                torch.tensor([i for i, _ in wanted], dtype=torch.long, device=device),
                torch.tensor([v for _, v in wanted], dtype=dtype, device=device)[:, None],
            )
        temperature = [row.temperature if row.do_sample else 1.0 for row in rows]
        heat = torch.tensor(temperature, dtype=torch.float32, device=device).clamp(min=COLDEST)
        return cls(temperature=heat[:, None], filters=filters)


def warp(
    logits: torch.Tensor, params: RowParams, candidates: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Apply temperature and filters to (rows, vocab) fp32 logits, -inf where a constraint forbids.

    Returns the scores, -inf where removed, and for `candidates` (rows, n) of token ids what removed
    each, as an index in REMOVERS.
    """
    scores = logits / params.temperature
    forbidden = logits.gather(1, candidates).isinf()
    removed_by = forbidden.long() * REMOVERS.index("constraint")
    for number, name in enumerate(FILTERS, start=1):
        rows, values = params.filters[name]
        if not len(rows):
            continue
        everyone = len(rows) == len(scores)
        part = scores if everyone else scores[rows]
        part = part.masked_fill(REMOVES[name](part, values), REMOVED)
        scores = part if everyone else scores.index_copy(0, rows, part)
        gone = scores.gather(1, candidates).isinf() & (removed_by == 0)
        removed_by = torch.where(gone, number, removed_by)
    return scores, removed_by


@dataclass(frozen=True, kw_only=True)
class Passed:
    """A `Stage` over a vocabulary: probabilities (vocab,), zero where removed."""

    name: str
    probs: torch.Tensor
    removed_mass: float
    entropy: float  # bits


def passes(
    logits: torch.Tensor, params: SamplingParams, order: Sequence[str] = STEPS
) -> Iterator[Passed]:
    """Yield (vocab,) fp32 logits as given, then after each step of `order`, whether on or off.

    `params.do_sample` is not asked: this shows what sampling would draw from.
    """
    scores = logits[None]
    before = scores.softmax(-1)
    yield passed("given", before, before)
    for name in order:
        if name == "temperature":
            scores = scores / max(params.temperature, COLDEST)
            before = scores.softmax(-1)
        else:
            value = active(name, params, scores.shape[1])  # type: ignore[arg-type]
            if value is not None:
                dtype = torch.long if name == "top_k" else torch.float32
                values = torch.tensor([[value]], dtype=dtype, device=scores.device)
                scores = scores.masked_fill(REMOVES[name](scores, values), REMOVED)  # type: ignore[index]
        after = scores.softmax(-1)
        yield passed(name, before, after)
        before = after


def passed(name: str, before: torch.Tensor, after: torch.Tensor) -> Passed:
    """Measure a step from (1, vocab) probabilities to others."""
    return Passed(
        name=name,
        probs=after[0],
        removed_mass=float(before[(after == 0) & (before > 0)].sum()),
        entropy=max(0.0, float(-(after * after.log2()).nansum())),
    )


def stages(
    probabilities: Mapping[str, float], params: SamplingParams, *, order: Sequence[str] = STEPS
) -> list[Stage]:
    """Return a distribution as given, then after each step; the last is what is drawn from.

    `order` is a permutation of STEPS, for the teaching view only: the engine keeps transformers'.
    Probabilities must add up to 1 within rounding. Raises LabError.
    """
    return [
        Stage(
            name=step.name,
            probabilities=dict(zip(probabilities, step.probs.tolist())),
            removed_mass=step.removed_mass,
            entropy=step.entropy,
        )
        for step in passes(logits_of(probabilities), params, order)
    ]


def logits_of(probabilities: Mapping[str, float]) -> torch.Tensor:
    """Return scores (words,) whose softmax is the given table: its logarithms. Raises LabError."""
    return torch.tensor(checked(probabilities), dtype=torch.float32).log()


def counts(probs: torch.Tensor, draws: int, seed: int) -> list[int]:
    """Draw from (vocab,) probabilities and return how often each came."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(probs, draws, replacement=True, generator=generator)
    return torch.bincount(drawn, minlength=len(probs)).tolist()


def checked(probabilities: Mapping[str, float]) -> list[float]:
    """Return the probabilities of a word -> probability table. Raises LabError."""

    def refusal(value: object, allowed: str) -> LabError:
        message = f"probabilities must be {allowed}, got {value!r:.80}"
        return LabError(
            "out_of_range", message, field="probabilities", value=f"{value!r:.80}", allowed=allowed
        )

    if not isinstance(probabilities, Mapping) or not probabilities:
        raise refusal(probabilities, "a table of words and their probabilities")
    for word, p in probabilities.items():
        number = isinstance(p, (int, float)) and not isinstance(p, bool)
        if not isinstance(word, str) or not number or not 0 <= p <= 1:
            raise refusal({word: p}, "a table of words and their probabilities")
    total = math.fsum(probabilities.values())
    if abs(total - 1) > ROUNDING:
        raise refusal(round(total, 4), "numbers that add up to 1")
    return [float(p) for p in probabilities.values()]
