"""Tokens with their log-probabilities, as OpenAI's two routes give them."""

import math
from dataclasses import dataclass

from backend.types import Candidate, FinishReason, TokenStep


@dataclass(frozen=True)
class Given:
    """A token as the server gives it, and the most likely ones in its place."""

    token: str
    logprob: float
    data: bytes | None = None
    top: tuple["Given", ...] = ()


def from_chat(logprobs: object) -> list[Given]:
    """Read a chat choice's `logprobs`."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None

    def given(one: dict) -> Given:
        data = bytes(one["bytes"]) if one.get("bytes") is not None else None
        top = tuple(map(given, one.get("top_logprobs") or ()))
        return Given(str(one["token"]), float(one["logprob"]), data, top)

    return [given(one) for one in content or ()]


def from_completion(logprobs: object) -> list[Given]:
    """Read a completion choice's `logprobs`."""
    if not isinstance(logprobs, dict):
        return []
    tokens, tops = logprobs["tokens"], logprobs.get("top_logprobs")
    return [
        Given(
            str(token),
            math.nan if logprob is None else float(logprob),
            None,
            tuple(Given(str(t), float(p)) for t, p in (top or {}).items()),
        )
        for token, logprob, top in zip(
            tokens, logprobs["token_logprobs"], tops or [None] * len(tokens)
        )
    ]


def step_of(row: int, given: Given, text: str, reason: FinishReason | None) -> TokenStep:
    """Make the record of a token."""
    top = sorted(given.top, key=lambda one: -one.logprob)
    names = [one.token for one in top]
    at = names.index(given.token) if given.token in names else len(names)
    return TokenStep(
        row=row,
        token_id=-1 - at,
        text=text,
        piece=given.token,
        data=given.token.encode() if given.data is None else given.data,
        logprob=given.logprob,
        prob=math.nan,
        alternatives=tuple(
            Candidate(
                token_id=-1 - i, text=one.token, logprob=one.logprob, prob=math.nan, removed_by=""
            )
            for i, one in enumerate(top)
        ),
        finish_reason=reason,
    )
