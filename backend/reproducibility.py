"""Where two runs of one prompt part: a decoding loop as a job, and the first token that differs.

The loop keeps a generator where the engine makes one per request, so it can show what one global
seed over a list does, and it takes any loaded copy, so it can show another precision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from backend.models import LoadedModel
from backend.noise import exponential_noise
from backend.sampling import RowParams, warp
from backend.scoring import forwards
from backend.types import SamplingParams, TokenStep

RECORDED = 50  # of the model's best candidates at a position


Probs = dict[int, float]  # of one position: token id -> probability after filters, chosen first


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Where run B leaves run A: both tokens, each with its probability in A and in B.

    A token id is None where that run had ended. A probability is 0 where a filter removed the
    token, None where the token was not recorded.
    """

    position: int  # from 0
    ids: tuple[int | None, int | None]
    probs_a: tuple[float | None, float | None]
    probs_b: tuple[float | None, float | None]


@torch.inference_mode()
def continued(
    loaded: LoadedModel, ids: Sequence[int], params: SamplingParams, generator: torch.Generator
) -> Iterator[list[Probs]]:
    """Yield None per forward, then the choices; draws as `generate` does, from `generator`."""
    cache, device = DynamicCache(), loaded.device
    for chunk in forwards(loaded, cache, ids):
        logits = chunk[:, -1]
        yield None  # type: ignore[misc]  # a turn without a result
    vocab = logits.shape[1]
    settings = RowParams.of([params], vocab=vocab, device=device)
    nobody = torch.zeros(1, 1, dtype=torch.long, device=device)  # whose filters are not asked
    choices: list[Probs] = []
    while True:
        scores, _ = warp(logits, settings, nobody)
        probs = scores.softmax(-1)
        drawn = probs / exponential_noise(1, vocab, generator) if params.do_sample else logits
        token_id = int(drawn.argmax(-1))
        best = logits[0].topk(min(RECORDED, vocab)).indices.tolist()
        choices.append({i: float(probs[0, i]) for i in (token_id, *best)})
        if token_id in loaded.end_ids or len(choices) == params.max_new_tokens:
            break
        row = torch.tensor([[token_id]], device=device)
        out = loaded.model(input_ids=row, past_key_values=cache, use_cache=True)
        logits = out.logits[:, -1].float()
        yield None  # type: ignore[misc]
    yield choices


def one_seed_for_a_list(
    loaded: LoadedModel, prompts: Sequence[Sequence[int]], params: SamplingParams
) -> Iterator[list[Probs]]:
    """Yield None per forward, then each prompt's choices: `set_seed(seed)` once, then a list."""
    generator = torch.Generator(loaded.device).manual_seed(params.seed or 0)
    for ids in prompts:
        yield from continued(loaded, ids, params, generator)


def of_steps(steps: Sequence[TokenStep]) -> list[Probs]:
    """Return the same record of a run of the engine."""
    return [
        {step.token_id: step.prob} | {c.token_id: c.prob for c in step.alternatives}
        for step in steps
    ]


def divergence(a: Sequence[Probs], b: Sequence[Probs]) -> Divergence | None:
    """Return where two runs part, None where every token is the same."""
    for position in range(max(len(a), len(b))):
        at_a = a[position] if position < len(a) else {}
        at_b = b[position] if position < len(b) else {}
        id_a, id_b = next(iter(at_a), None), next(iter(at_b), None)
        if id_a == id_b:
            continue

        def probs(at: Probs, ids: tuple = (id_a, id_b)) -> tuple:
            return tuple(None if i is None or not at else at.get(i) for i in ids)

        return Divergence(
            position=position, ids=(id_a, id_b), probs_a=probs(at_a), probs_b=probs(at_b)
        )
    return None
