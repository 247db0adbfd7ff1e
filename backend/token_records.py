"""A step's whole record as JSON and back: what another lab needs to draw the same views.

The lab's own extension of OpenAI's protocol (`token_records`, docs/openai.md). Numbers come back as
they were: JSON keeps every digit of a float, and Python's reads what a -inf is written as.
"""

from collections.abc import Mapping
from typing import Any

from backend.types import Candidate, TokenStep


def record_of(step: TokenStep) -> dict[str, Any]:
    """Write a step; its row is the choice's index."""
    return {
        "token_id": step.token_id,
        "text": step.text,
        "piece": step.piece,
        "bytes": list(step.data),
        "logprob": step.logprob,
        "prob": step.prob,
        "finish_reason": step.finish_reason,
        "alternatives": [
            {
                "token_id": c.token_id,
                "text": c.text,
                "logprob": c.logprob,
                "prob": c.prob,
                "removed_by": c.removed_by,
            }
            for c in step.alternatives
        ],
    }


def step_of(record: Mapping[str, Any], row: int) -> TokenStep:
    """Read a record. Raises KeyError, TypeError or ValueError where it is none."""
    return TokenStep(
        row=row,
        token_id=int(record["token_id"]),
        text=str(record["text"]),
        piece=str(record["piece"]),
        data=bytes(record["bytes"]),
        logprob=float(record["logprob"]),
        prob=float(record["prob"]),
        finish_reason=record["finish_reason"],
        alternatives=tuple(
            Candidate(
                token_id=int(c["token_id"]),
                text=str(c["text"]),
                logprob=float(c["logprob"]),
                prob=float(c["prob"]),
                removed_by=c["removed_by"],
            )
            for c in record["alternatives"]
        ),
    )
