"""The token strip: what a run's records become for assets/strip.js. Data goes out, not markup."""

import json
import math
from collections.abc import Sequence

import gradio as gr

from backend.types import TokenRecord, TokenStep
from demo.words import Words

Value = dict[str, object]
WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def token_strip(words: Words, elem_id: str) -> gr.HTML:
    """Make an empty strip. It triggers `select` with {kind: fork | branch, index, token}."""
    return gr.HTML(
        strip_value(words),
        html_template="<div></div>",
        js_on_load="window.lab.strip(element, props, trigger, watch)",
        elem_id=elem_id,
    )


def strip_value(
    words: Words,
    *,
    run: int = 0,
    prompt: Sequence[TokenRecord] = (),
    steps: Sequence[TokenStep] = (),
    text: str | None = None,
    done: bool = False,
    branches: Sequence[str] = (),
    branch: int = 0,
    marks: bool = False,
    forks: bool = True,
) -> Value:
    """Return what the strip shows; prompt tokens first, then one chip per step.

    `text`: the `lines` of both, where they are there already. `forks`: whether an alternative can
    be gone on from.
    """
    names = (
        "strip",
        "empty",
        "title",
        "measured",
        "chosen",
        "bytes",
        "removed",
        "after",
        "constraint",
    )
    return {
        "run": str(run),
        "words": {name: words(f"strip.{name}") for name in (*names, "fork", "branch")},
        "tokens": lines(prompt, steps) if text is None else text,
        "start": len(prompt),
        "done": done,
        "branches": list(branches),
        "branch": branch,
        "marks": marks,
        "forks": forks,
    }


def lines(prompt: Sequence[TokenRecord] = (), steps: Sequence[TokenStep] = ()) -> str:
    """Return tokens as text, a JSON object a line.

    Of a text that grows Gradio sends what is new. A tree of values it copies and compares leaf by
    leaf, at each update and for each reader: the tokens of a class would keep the server busy.
    """
    tokens = [*map(prompt_token, prompt), *map(new_token, steps)]
    return "".join(WRITE(token) + "\n" for token in tokens)


def prompt_token(record: TokenRecord) -> Value:
    """A token that was given."""
    return {
        "id": record.id,
        "piece": record.token,
        "shown": record.text,
        "special": record.special,
        "byte": is_byte(record.token),
        "data": hex_of(bytes(record.bytes)),
        "prompt": True,
        "p": 0,
        "prob": 0,
        "alternatives": [],
    }


def new_token(step: TokenStep) -> Value:
    """A token that was chosen, with what else it could have been."""
    return {
        "id": step.token_id,
        "piece": step.piece,
        "shown": step.data.decode(errors="replace"),
        "special": step.finish_reason == "stop" and step.piece.startswith("<"),
        "byte": is_byte(step.piece),
        "data": hex_of(step.data),
        "prompt": False,
        "p": shared(math.exp(step.logprob)),
        "prob": shared(step.prob),
        "alternatives": [  # most of what is sent: lists, as strip.js names them
            (c.token_id, c.text, shared(math.exp(c.logprob)), shared(c.prob), c.removed_by)
            for c in step.alternatives
        ],
    }


def shared(probability: float) -> float | None:
    """Return a probability as it is sent, None where the server gives none."""
    return round(probability, 6) if math.isfinite(probability) else None


def is_byte(piece: str) -> bool:
    """True for a byte-fallback piece such as `<0x0A>`."""
    return len(piece) == 6 and piece.startswith("<0x")


def hex_of(data: bytes) -> str:
    """Return bytes as `E7 AB 9C`."""
    return data.hex(" ").upper()
