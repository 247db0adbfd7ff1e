"""What the attention mask is for: two prompts of unequal length in one batch (errata 6b)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from backend.models import LoadedModel
from backend.scheduler import Job


@dataclass(frozen=True, kw_only=True)
class Padded:
    """A padded batch, and how far the short prompt's logits are from those it gets alone."""

    pieces: tuple[tuple[str, ...], ...]
    mask: tuple[tuple[int, ...], ...]
    with_mask: float  # largest difference of a logit
    all_ones: float  # the same with a mask of ones, as if padding were text


def padding_job(prompts: Sequence[str]) -> Job:
    """Return a job that yields one Padded; prompts are padded on the left with the end token."""

    def job(loaded: LoadedModel) -> Iterator[Padded | None]:
        rows = [loaded.encode(prompt) for prompt in prompts]
        longest = max(map(len, rows))
        pad = min(loaded.end_ids)
        ids = [[pad] * (longest - len(row)) + row for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        short = min(range(len(rows)), key=lambda n: len(rows[n]))
        alone = last_logits(loaded, [rows[short]], [[1] * len(rows[short])])[0]
        yield None
        masked = last_logits(loaded, ids, mask)[short]
        yield None
        ones = last_logits(loaded, ids, [[1] * longest for _ in rows])[short]
        names = [loaded.tokenizer.convert_ids_to_tokens(row) for row in ids]
        yield Padded(
            pieces=tuple(map(tuple, names)),
            mask=tuple(map(tuple, mask)),
            with_mask=float((masked - alone).abs().max()),
            all_ones=float((ones - alone).abs().max()),
        )

    return job


def last_logits(
    loaded: LoadedModel, ids: Sequence[Sequence[int]], mask: Sequence[Sequence[int]]
) -> torch.Tensor:
    """Return the logits after the last position of each row: (rows, vocab), fp32."""
    given = torch.tensor(mask, device=loaded.device)
    positions = (given.cumsum(-1) - 1).clamp(min=0)  # as `generate` counts them
    with torch.inference_mode():
        out = loaded.model(
            input_ids=torch.tensor(ids, device=loaded.device),
            attention_mask=given,
            position_ids=positions,
            logits_to_keep=1,
        )
    return out.logits[:, -1].float()
