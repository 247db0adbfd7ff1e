"""Beam search with its whole tree, and beam sampling, as a job.

It gives what `generate(num_beams=k, length_penalty=..., early_stopping=False)` gives: same tokens,
same scores; every hypothesis that was looked at is kept in the record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from backend.beams import PROMPT, BeamParams, BeamStep, Hypothesis, Node, hypothesis
from backend.models import LoadedModel
from backend.scoring import forwards

DRAWS = 1000
UNREACHED = -1e9  # transformers' own, for the beams that do not exist at the first step


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


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How often the most probable next token is the result: by its probability, by DRAWS draws of
    plain sampling, and by as many of beam sampling, each 0 to 1."""

    piece: str
    probability: float
    sampled: float
    beam_sampled: float


@torch.inference_mode()
def top_shares(
    loaded: LoadedModel, ids: Sequence[int], num_beams: int, seed: int
) -> Iterator[Shares]:
    """Yield None per chunk of the prompt, then what beam sampling of one token makes of p.

    With one new token it draws k candidates without replacement and returns the most probable of
    them, so the top token wins whenever it is drawn at all.
    """
    for chunk in forwards(loaded, DynamicCache(), ids):
        probs = chunk[0, -1].softmax(-1)
        yield None  # type: ignore[misc]  # a turn without a result
    top = int(probs.argmax())
    generator = torch.Generator(loaded.device).manual_seed(seed)
    rows = probs.expand(DRAWS, -1)
    one = rows.multinomial(1, generator=generator)
    several = rows.multinomial(num_beams, generator=generator)
    yield Shares(
        piece=loaded.vocabulary.pieces[top],
        probability=float(probs[top]),
        sampled=float((one == top).any(1).float().mean()),
        beam_sampled=float((several == top).any(1).float().mean()),
    )
