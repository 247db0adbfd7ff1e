"""The agent's steps as lanes: raw tokens, parsed call, verdict, result, what goes back.

Everything a model or a tool wrote is escaped.
"""

import json
import math
from collections.abc import Sequence
from html import escape

from backend.agent import Lane
from backend.types import TokenStep
from demo.widgets.marks import heading
from demo.words import Words


def lanes_html(shown: Sequence[Lane], words: Words, *, sources: Sequence[str] = ()) -> str:
    """Draw one lane per step; `sources` says where each search found something, in order."""
    left = list(sources)
    drawn = []
    for n, lane in enumerate(shown):
        later = shown[n + 1] if n + 1 < len(shown) else None
        found = lane.turn is not None and lane.turn.name == "search" and lane.result is not None
        source = left.pop(0) if found and lane.error is None and left else ""
        drawn.append(lane_html(lane, later, words, source))
    return (
        heading(words("agents.lanes"), words, "measured")
        + f'<ol class="agent-lanes" aria-label="{escape(words("agents.lanes"))}">'
        + "".join(drawn)
        + "</ol>"
    )


def lane_html(lane: Lane, later: Lane | None, words: Words, source: str) -> str:
    """Draw one step; `later` is the next one, whose prompt holds what was injected."""
    counted = len(lane.prompt.ids) or "?"
    given = words("agents.given", given=counted, new=len(lane.steps))
    cells = [("raw", raw_html(lane.steps))]
    if lane.turn is not None:
        cells += [("call", call_html(lane, words)), ("verdict", verdict_html(lane, words))]
    if lane.result is not None:
        at = f' <span class="badge">{escape(words(f"search.{source}"))}</span>' if source else ""
        cells += [("result", mono(lane.result) + at), ("injected", injected(lane, later, words))]
    whole = (
        f"<details><summary>{escape(words('agents.prompt', n=counted))}</summary>"
        f"{mono(lane.prompt.text)}"
        f"<p class='src'>{' '.join(map(str, lane.prompt.ids))}</p></details>"
    )
    return (
        f'<li class="agent-lane"><h4>{escape(words("agents.step", n=lane.number))}'
        f' <span class="src">{escape(given)}</span></h4><dl>'
        + "".join(
            f'<div class="cell"><dt>{escape(words(f"agents.cell_{key}"))}</dt><dd>{html}</dd></div>'
            for key, html in cells
        )
        + f"</dl>{whole}</li>"
    )


def raw_html(steps: Sequence[TokenStep]) -> str:
    """Draw the turn's tokens, the ground by probability; the blank as U+2581."""
    if not steps:
        return '<span class="src">…</span>'
    return '<span class="raw">' + "".join(map(chip, steps)) + "</span>"


def chip(step: TokenStep) -> str:
    """Draw one token; it says its probability."""
    piece = escape(step.piece)
    if math.isnan(step.logprob):  # a server that gives none
        return f'<i class="tk">{piece}</i>'
    share = math.exp(step.logprob)
    low = " low" if share < 0.1 else ""
    return f'<i class="tk{low}" style="--a:{share:.3f}" title="{piece} {share:.3f}">{piece}</i>'


def call_html(lane: Lane, words: Words) -> str:
    """Draw the call as it was read, or that there is none."""
    turn = lane.turn
    if turn is None or not turn.name:
        return f'<span class="src">{escape(words("agents.no_call"))}</span>'
    rows = "".join(
        f"<li>{escape(str(name))} = {escape(json.dumps(value, ensure_ascii=False))}</li>"
        for name, value in (turn.arguments or {}).items()
    )
    return f'<code>{escape(turn.name)}</code><ul class="args">{rows}</ul>'


def verdict_html(lane: Lane, words: Words) -> str:
    """Say what the check found, and what the tool refused."""
    assert lane.turn is not None, "a verdict follows a turn"
    said = escape(words(f"agents.verdict_{lane.turn.verdict}"))
    bad = lane.turn.verdict not in ("answer", "ok") or lane.error is not None
    why = f"<p>{escape(words.error(lane.error))}</p>" if lane.error else ""
    return f'<span class="verdict{" bad" if bad else ""}">{said}</span>{why}'


def injected(lane: Lane, later: Lane | None, words: Words) -> str:
    """Draw the text that the template adds to the prompt, with its ids counted."""
    before, after = lane.prompt, later.prompt if later else None
    if after is None or not after.text.startswith(before.text):
        return mono(lane.injected or "")
    added = after.text[len(before.text) :]
    note = words("agents.added", n=len(after.ids) - len(before.ids) if after.ids else "?")
    changed = ""
    if lane.result is not None and lane.injected != lane.result:
        changed = f'<p class="why">{escape(words("agents.apart"))}</p>'
    return f'{mono(added)}<p class="src">{escape(note)}</p>{changed}'


def mono(text: str) -> str:
    """Draw text as it is."""
    return f'<span class="mono">{escape(text)}</span>'
