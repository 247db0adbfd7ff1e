"""A constrained run drawn: beside the free one, and how many tokens each step was left with."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from backend.types import Generation, TokenStep
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words

if TYPE_CHECKING:
    from backend.automaton import Automaton

HEADS = ("step", "token", "left", "mass", "likeliest")


def twins_html(words: Words, free: Generation, bound: Generation, automaton: "Automaton") -> str:
    """Draw the same prompt without and with the constraint, and whether each text matches."""
    columns = ""
    for name, said in (("free", free), ("bound", bound)):
        ids = [step.token_id for step in said.steps]
        if automaton.accepts(ids):
            verdict = "matches"
        elif said.finish_reason == "length" and name == "bound":
            verdict = "unfinished"
        else:
            verdict = "no_match"
        told = words(f"constraint.{verdict}")
        end = words("constraint.ended", n=len(ids), reason=words(f"reason.{said.finish_reason}"))
        css = "same" if verdict == "matches" else "diff"
        columns += (
            f"<section><h4>{escape(words(f'constraint.{name}'))}</h4>"
            f'<p class="out">{escape(said.text.strip())}</p>'
            f'<div class="{css}">{escape(told)}</div><div class="src">{escape(end)}</div></section>'
        )
    return heading(words("constraint.result"), words, "measured") + (
        f'<div class="three constraint-twins">{columns}</div>'
    )


def steps_html(words: Words, steps: Sequence[TokenStep], automaton: "Automaton") -> str:
    """Draw a row per step: tokens left of the vocabulary, the raw mass on them, what fell out.

    The run is greedy, so a chosen token's raw probability over its final one is that mass.
    """
    rows = "".join(
        f'<th scope="col">{escape(words(f"constraint.head_{name}"))}</th>' for name in HEADS
    )
    rows = f"<tr>{rows}</tr>"
    states = automaton.walk([step.token_id for step in steps])
    for number, (step, state) in enumerate(zip(steps, states), start=1):
        raw = math.exp(step.logprob)
        mass = min(raw / step.prob, 1.0) if step.prob else 0.0
        best = step.alternatives[0]
        out = f" {words('constraint.out')}" if best.removed_by == "constraint" else ""
        css = ' class="text out"' if out else ' class="text"'
        rows += (
            f'<tr><th scope="row">{number}</th><td><code>{escape(step.piece)}</code></td>'
            f"<td>{len(automaton.allowed(state))}</td><td>{percent(mass)}</td>"
            f"<td{css}><code>{escape(best.text)}</code> {percent(math.exp(best.logprob))}"
            f"{escape(out)}</td></tr>"
        )
    title = words("constraint.steps", vocab=automaton.vocab)
    return heading(title, words, "measured") + table(title, rows, "grid mask")


def percent(p: float) -> str:
    """Write a probability as the pages do."""
    return "< 0.01 %" if p < 1e-4 else f"{100 * p:.2f} %" if p < 0.0995 else f"{100 * p:.1f} %"
