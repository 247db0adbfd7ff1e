"""Beam search with its whole tree, beam sampling, and minimum Bayes risk decoding.

`beam_search` gives what `generate(num_beams=k, length_penalty=..., early_stopping=False)` gives:
same tokens, same scores; every hypothesis that was looked at is kept in the record.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import DynamicCache

from backend.errors import LabError
from backend.models import LoadedModel
from backend.scoring import forwards
from backend.types import MAX_SEED

PROMPT = -1  # the parent of a tree's first nodes
UNREACHED = -1e9  # transformers' own, for the beams that do not exist at the first step
LIMITS = {
    "num_beams": (2, 8),
    "length_penalty": (-3, 3),
    "max_new_tokens": (1, 64),
    "seed": (0, MAX_SEED),
}


@dataclass(frozen=True, kw_only=True)
class BeamParams:
    """How to search. `do_sample` draws the candidates instead of taking the best (beam sampling).

    A hypothesis of n new tokens is scored by its summed log-probability / n ** length_penalty.
    """

    num_beams: int = 4
    length_penalty: float = 1.0
    max_new_tokens: int = 32
    do_sample: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            whole = name == "length_penalty" or (number and value == value // 1)
            if not number or not whole or not least <= value <= most:
                raise LabError(
                    "out_of_range",
                    f"{name} must be in [{least}, {most}], got {value}",
                    field=name,
                    value=value,
                    allowed=f"{least} to {most}",
                )
            object.__setattr__(self, name, value if name == "length_penalty" else int(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One hypothesis that was looked at: a token after those of its parent.

    `total` is the sum of log-probabilities from the prompt on. "kept" goes on, "finished" ended
    among the best k, "pruned" is dropped.
    """

    number: int
    parent: int  # another node's number, or PROMPT
    depth: int  # 1 for the first new token
    token_id: int
    piece: str
    logprob: float
    total: float
    fate: Literal["kept", "pruned", "finished"]


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A finished hypothesis: its ids, end token included, and how it is ranked."""

    node: int
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    total: float
    score: float
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, kw_only=True)
class BeamStep:
    """What one forward brought: 2k nodes in rank order, and the best k finished so far."""

    nodes: tuple[Node, ...]
    finished: tuple[Hypothesis, ...]


@torch.inference_mode()
def beam_search(loaded: LoadedModel, ids: Sequence[int], params: BeamParams) -> Iterator[BeamStep]:
    """Yield None per chunk of the prompt, then a BeamStep per new position; the last is the result.

    Beam search keeps the k most probable prefixes; it knows nothing of what follows them.
    """
    k, penalty, device = params.num_beams, params.length_penalty, loaded.device
    candidates = max(2, 1 + len(loaded.end_ids)) * k  # so that k go on if the best k all end
    generator = torch.Generator(device).manual_seed(params.seed) if params.do_sample else None
    cache = DynamicCache()
    for chunk in forwards(loaded, cache, ids):
        logits = chunk[:, -1]
        yield None  # type: ignore[misc]  # a turn without a result
    cache.batch_repeat_interleave(k)
    logits = logits.expand(k, -1)
    totals = torch.full((k,), UNREACHED, device=device)
    totals[0] = 0
    beams, tree, finished = [PROMPT] * k, list[Node](), list[Hypothesis]()
    for depth in range(1, params.max_new_tokens + 1):
        logprobs = logits.log_softmax(-1)  # (k, vocab)
        scores = (logprobs + totals[:, None]).flatten()
        if generator:
            index = scores.softmax(-1).multinomial(candidates, generator=generator)
            best = scores[index]
        else:
            best, index = scores.topk(candidates)
        origin, tokens = index // logprobs.shape[1], index % logprobs.shape[1]
        last = depth == params.max_new_tokens
        ends = [last or token in loaded.end_ids for token in tokens.tolist()]
        blocked = torch.tensor(ends, device=device) * UNREACHED
        totals, on = (best + blocked).topk(k)
        kept = set(on.tolist())
        step = list[Node]()
        for rank, (beam, token, total) in enumerate(
            zip(origin.tolist(), tokens.tolist(), best.tolist())
        ):
            ended = ends[rank]
            node = Node(
                number=len(tree) + rank,
                parent=beams[beam],
                depth=depth,
                token_id=token,
                piece=loaded.vocabulary.pieces[token],
                logprob=float(logprobs[beam, token]),
                total=total,
                fate=("finished" if rank < k else "pruned")
                if ended
                else ("kept" if rank in kept else "pruned"),
            )
            step.append(node)
        tree += step
        for node, total in zip(step, best):
            if node.fate == "finished":
                stop = node.token_id in loaded.end_ids
                score = float(total / depth**penalty)
                finished.append(hypothesis(tree, node, score, "stop" if stop else "length"))
        finished = sorted(finished, key=lambda h: -h.score)[:k]
        yield BeamStep(nodes=tuple(step), finished=tuple(finished))
        if last or (len(finished) == k and totals[0] / depth**penalty <= finished[-1].score):
            return
        beams = [step[rank].number for rank in on.tolist()]
        cache.reorder_cache(origin[on])  # type: ignore[arg-type]  # its stub wants a LongTensor
        out = loaded.model(input_ids=tokens[on, None], past_key_values=cache, use_cache=True)
        logits = out.logits[:, -1].float()


def path(tree: Sequence[Node], node: Node) -> list[Node]:
    """Return the nodes from the first new token to this one."""
    found = [node]
    while found[-1].parent != PROMPT:
        found.append(tree[found[-1].parent])
    return found[::-1]


def hypothesis(
    tree: Sequence[Node], node: Node, score: float, reason: Literal["stop", "length"]
) -> Hypothesis:
    """Return a node's whole sequence as a finished one."""
    nodes = path(tree, node)
    return Hypothesis(
        node=node.number,
        ids=tuple(n.token_id for n in nodes),
        logprobs=tuple(n.logprob for n in nodes),
        total=node.total,
        score=score,
        finish_reason=reason,
    )


def utilities(texts: Sequence[str]) -> list[list[float]]:
    """Return chrF (Popović 2015) of each text against each, 0 to 100: [hypothesis][reference].

    Characters, so that no tokenizer is needed and Japanese works; quadratic in the texts.
    """
    from sacrebleu.metrics import CHRF

    chrf, known = CHRF(), dict[tuple[str, str], float]()
    for pair in ((a, b) for a in texts for b in texts):
        if pair not in known:
            known[pair] = chrf.sentence_score(pair[0], [pair[1]]).score
    return [[known[a, b] for b in texts] for a in texts]


def expected_utilities(matrix: Sequence[Sequence[float]], n: int) -> list[float]:
    """Return each of the first n samples' mean utility over those n.

    Minimum Bayes risk decoding (Eikema and Aziz 2020, Freitag et al. 2022) takes the highest: the
    samples are candidates and, as draws from the model, the pseudo-references too.
    """
    return [statistics.fmean(row[:n]) for row in matrix[:n]]


def best_of(values: Sequence[float]) -> int:
    """Return the index of the highest value, the first of equals."""
    return max(range(len(values)), key=lambda i: values[i])
