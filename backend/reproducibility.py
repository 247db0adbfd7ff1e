"""Where two runs of one prompt part: a decoding loop as a job, and the first token that differs.

The loop keeps a generator where the engine makes one per request, so it can show what one global
seed over a list does, and it takes any loaded copy, so it can show another precision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from backend.models import LoadedModel
from backend.sampling import RowParams, exponential_noise, warp
from backend.types import SamplingParams, TokenStep

RECORDED = 50  # candidates of a position


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One token of a run: what was chosen, and the probability after the filters of every token."""

    token_id: int
    probs: torch.Tensor  # (vocab,)


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Where run B leaves run A: both tokens, each with its probability in A and in B.

    A token id is None where that run had ended; a probability None where it was not recorded.
    """

    position: int  # from 0
    ids: tuple[int | None, int | None]
    probs_a: tuple[float | None, float | None]
    probs_b: tuple[float | None, float | None]


@torch.inference_mode()
def continued(
    loaded: LoadedModel, ids: Sequence[int], params: SamplingParams, generator: torch.Generator
) -> Iterator[list[Choice]]:
    """Yield None per forward, then the choices; draws as `generate` does, from `generator`."""
    cache, row = DynamicCache(), torch.tensor([list(ids)], device=loaded.device)
    settings: RowParams | None = None
    choices: list[Choice] = []
    while True:
        logits = loaded.model(input_ids=row, past_key_values=cache, use_cache=True).logits[:, -1]
        logits = logits.float()
        vocab = logits.shape[1]
        if settings is None:
            settings = RowParams.of([params], vocab=vocab, device=loaded.device)
        scores, _ = warp(logits, settings, torch.zeros(1, 1, dtype=torch.long, device=row.device))
        probs = scores.softmax(-1)
        drawn = probs / exponential_noise(1, vocab, generator) if params.do_sample else logits
        token_id = int(drawn.argmax(-1))
        choices.append(Choice(token_id=token_id, probs=probs[0]))
        if token_id in loaded.end_ids or len(choices) == params.max_new_tokens:
            break
        row = torch.tensor([[token_id]], device=loaded.device)
        yield None  # type: ignore[misc]  # a turn without a result
    yield choices


def one_seed_for_a_list(
    loaded: LoadedModel, prompts: Sequence[Sequence[int]], params: SamplingParams
) -> Iterator[list[Choice]]:
    """Yield None per forward, then each prompt's choices: `set_seed(seed)` once, then a list."""
    generator = torch.Generator(loaded.device).manual_seed(params.seed or 0)
    for ids in prompts:
        yield from continued(loaded, ids, params, generator)


def of_steps(steps: Sequence[TokenStep]) -> list[dict[int, float]]:
    """Return what is recorded of a run of the engine: per position, the chosen token first."""
    return [
        {step.token_id: step.prob} | {c.token_id: c.prob for c in step.alternatives}
        for step in steps
    ]


def of_choices(choices: Sequence[Choice]) -> list[dict[int, float]]:
    """The same of a run of `continued`."""
    found = []
    for choice in choices:
        best = choice.probs.topk(min(RECORDED, len(choice.probs)))
        found.append({choice.token_id: float(choice.probs[choice.token_id])})
        found[-1] |= dict(zip(best.indices.tolist(), best.values.tolist()))
    return found


def divergence(a: Sequence[dict[int, float]], b: Sequence[dict[int, float]]) -> Divergence | None:
    """Return where two runs part, None where every token is the same."""
    for position in range(max(len(a), len(b))):
        at_a = a[position] if position < len(a) else {}
        at_b = b[position] if position < len(b) else {}
        id_a, id_b = next(iter(at_a), None), next(iter(at_b), None)
        if id_a == id_b:
            continue

        def probs(at: dict[int, float], ids: tuple = (id_a, id_b)) -> tuple:
            return tuple(None if i is None or not at else at.get(i) for i in ids)

        return Divergence(
            position=position, ids=(id_a, id_b), probs_a=probs(at_a), probs_b=probs(at_b)
        )
    return None
