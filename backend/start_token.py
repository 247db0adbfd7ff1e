"""What comes next with the start token and without it: the manual path of the course (errata 5)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from backend.models import LoadedModel
from backend.scheduler import Job


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One way to make ids, and the model's answer to them; probabilities are raw."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    probabilities: dict[int, float]  # of the union of both lanes' likeliest tokens
    continuation: str


@dataclass(frozen=True, kw_only=True)
class StartToken:
    """The manual lane and the tokenizer's, and how far their distributions are apart."""

    by_hand: Lane
    whole: Lane
    names: dict[int, str]  # the vocabulary's spelling of each token in `probabilities`
    distance: float  # total variation, 0 (the same) to 1


def start_token_job(text: str, *, likeliest: int = 5, new_tokens: int = 12) -> Job:
    """Return a job that yields one StartToken; greedy continuations of `new_tokens`."""

    def job(loaded: LoadedModel) -> Iterator[StartToken | None]:
        from backend.admission import check_prompt, clean

        check_prompt(text)
        tokenizer = loaded.tokenizer
        with loaded.lock:
            pieces = tokenizer.tokenize(clean(text))
            hand = [int(tokenizer.convert_tokens_to_ids(piece)) for piece in pieces]  # type: ignore[arg-type]  # one piece, one id
        starts, firsts, texts = (hand, loaded.encode(clean(text))), [], []
        for start in starts:
            ids, made = list(start), list[int]()
            for step in range(new_tokens):
                row = torch.tensor([ids + made], device=loaded.device)
                with torch.inference_mode():
                    logits = loaded.model(input_ids=row, logits_to_keep=1).logits[0, -1].float()
                if step == 0:
                    firsts.append(logits.softmax(-1).cpu())  # (vocab,)
                made.append(int(logits.argmax()))
                yield None
                if made[-1] in loaded.end_ids:
                    break
            with loaded.lock:
                texts.append(str(tokenizer.decode(made, skip_special_tokens=True)))
        tops = [p.topk(likeliest).indices.tolist() for p in reversed(firsts)]
        shown = list(dict.fromkeys(token for top in tops for token in top))
        lanes = [
            Lane(
                ids=tuple(start),
                pieces=tuple(tokenizer.convert_ids_to_tokens(start)),
                probabilities={token: float(p[token]) for token in shown},
                continuation=made_text,
            )
            for start, p, made_text in zip(starts, firsts, texts)
        ]
        yield StartToken(
            by_hand=lanes[0],
            whole=lanes[1],
            names=dict(zip(shown, tokenizer.convert_ids_to_tokens(shown))),
            distance=float((firsts[0] - firsts[1]).abs().sum() / 2),
        )

    return job
