"""Log-probabilities of a given text, token by token, as a job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from backend.admission import check_prompt, clean
from backend.errors import LabError
from backend.models import LoadedModel

CHUNK = 64  # positions of one forward, so that the rows beside a job do not stall


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredToken:
    """A token of a given text: its log-probability (natural) after all before it.

    `rank` is 1 where no token was more probable; `best` is the piece that was.
    """

    token_id: int
    piece: str
    logprob: float
    rank: int
    best: str
    best_logprob: float


def forwards(
    loaded: LoadedModel, cache: DynamicCache, ids: Sequence[int]
) -> Iterator[torch.Tensor]:
    """Run ids through the model a chunk at a time; yield (1, chunk, vocab) fp32 logits."""
    for at in range(0, len(ids), CHUNK):
        part = torch.tensor([list(ids[at : at + CHUNK])], device=loaded.device)
        out = loaded.model(input_ids=part, past_key_values=cache, use_cache=True)
        yield out.logits.float()


@torch.inference_mode()
def last_logits(loaded: LoadedModel, ids: Sequence[int]) -> Iterator[torch.Tensor]:
    """Yield None per chunk, then the logits of what comes next, (vocab,) fp32 on CPU."""
    for chunk in forwards(loaded, DynamicCache(), ids):
        logits = chunk[0, -1].cpu()
        yield None  # type: ignore[misc]  # a turn without a result
    yield logits


@torch.inference_mode()
def score(loaded: LoadedModel, ids: Sequence[int], start: int) -> Iterator[list[ScoredToken]]:
    """Yield None per forward, then the tokens `ids[start:]` scored; `start` is 1 or more."""
    pieces, scored = loaded.vocabulary.pieces, list[ScoredToken]()
    at = 1  # the first position of a chunk's logits predicts this token
    for logits in forwards(loaded, DynamicCache(), ids[:-1]):
        logprobs = logits[0].log_softmax(-1)
        for row, token_id in zip(logprobs, ids[at : at + len(logprobs)]):
            if at >= start:
                best = int(row.argmax())
                scored.append(
                    ScoredToken(
                        token_id=token_id,
                        piece=pieces[token_id],
                        logprob=float(row[token_id]),
                        rank=1 + int((row > row[token_id]).sum()),
                        best=pieces[best],
                        best_logprob=float(row[best]),
                    )
                )
            at += 1
        yield None  # type: ignore[misc]  # a turn without a result
    yield scored


def joined_ids(loaded: LoadedModel, prompt: str, text: str) -> tuple[list[int], int]:
    """Return the ids of prompt and text in one, and where the text's begin. Raises LabError.

    Tokenized together, since a blank at the border belongs to the text's first token; a token that
    holds both counts as the text's.
    """
    for part in (prompt, text):
        check_prompt(part)
    whole, alone = loaded.encode(clean(prompt + text)), loaded.encode(clean(prompt))
    if len(whole) > loaded.info.context:
        raise LabError(
            "context_exceeded",
            f"prompt and text have {len(whole)} tokens, the context {loaded.info.context}",
            field="prompt",
            allowed=f"1 to {loaded.info.context}",
            prompt_tokens=len(whole),
            max_new_tokens=0,
            context=loaded.info.context,
        )
    start = next((i for i, (a, b) in enumerate(zip(whole, alone)) if a != b), len(alone))
    return whole, max(min(start, len(whole) - 1), 1)
