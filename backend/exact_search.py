"""The most probable continuation, exactly: MAP decoding where it can be afforded.

Depth first, a prefix given up once its sum falls below the best whole sequence so far: sums only
fall, so nothing better is lost (Stahlberg and Byrne 2019). Exponential in the length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from backend.models import LoadedModel
from backend.scoring import forwards

CLOSER = 1e-4  # sums nearer than this are the same: rounding of fp32 in batches of other shapes


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best whole sequence after `prefixes` forwards; exact when `complete`."""

    ids: tuple[int, ...]  # end token included
    total: float
    prefixes: int
    complete: bool


@torch.inference_mode()
def most_probable(
    loaded: LoadedModel,
    ids: Sequence[int],
    *,
    known: tuple[tuple[int, ...], float],
    max_new_tokens: int,
    most: int,
) -> Iterator[Found]:
    """Yield what is found after every forward, at most `most` of them.

    A sequence is whole at the end token or at `max_new_tokens`. `known`: one to begin with, ids and
    summed log-probability; a good one (beam search's) saves most of the work.
    """
    (best, bound), cache = known, DynamicCache()
    for chunk in forwards(loaded, cache, ids):
        logprobs = chunk[0, -1].log_softmax(-1)
        yield None  # type: ignore[misc]  # a turn without a result
    # a prefix per depth with its tokens still to look at and their sums, the best last
    waiting: list[tuple[tuple[int, ...], list[tuple[int, float]]]] = []
    prefix: tuple[int, ...] = ()
    total, prefixes = 0.0, 1
    while True:
        sums = logprobs + total
        better = (sums > bound + CLOSER).nonzero()[:, 0]
        ranked = better[sums[better].argsort()]
        going_on: list[tuple[int, float]] = []
        for token, value in zip(ranked.tolist(), sums[ranked].tolist()):
            if len(prefix) + 1 < max_new_tokens and token not in loaded.end_ids:
                going_on.append((token, value))
            elif value > bound + CLOSER:
                best, bound = (*prefix, token), value
        waiting.append((prefix, going_on))
        # where the best of a prefix is too low, so are its others
        while waiting and not (waiting[-1][1] and waiting[-1][1][-1][1] > bound + CLOSER):
            waiting.pop()
        done = not waiting
        yield Found(ids=best, total=bound, prefixes=prefixes, complete=done)
        if done or prefixes >= most:
            return
        before, going_on = waiting[-1]
        token, total = going_on.pop()
        prefix = (*before, token)
        if surplus := cache.get_seq_length() - (len(ids) + len(prefix) - 1):
            cache.crop(-surplus)
        row = torch.tensor([[prefix[-1]]], device=loaded.device)
        out = loaded.model(input_ids=row, past_key_values=cache, use_cache=True)
        logprobs, prefixes = out.logits[0, -1].float().log_softmax(-1), prefixes + 1
