"""Templates x contents as a grid, on the base and the chat model, each answer judged."""

from collections.abc import Mapping
from html import escape

from backend.instructions import obeys, task_of
from backend.over_a_set import Rate
from backend.prompts import parts
from demo.widgets import marks
from demo.widgets.fold import table
from demo.widgets.prompt_ask import MODELS, Chosen
from demo.widgets.rate_bar import rate_bars
from demo.widgets.two_colours import legend, spans
from demo.words import Words

Said = Mapping[tuple[str, str, str], str]  # model, template, content -> answer


def first_line(said: str) -> tuple[str, str]:
    """Return what is judged, and what the model went on to write."""
    line, _, rest = said.strip().partition("\n")
    return line.strip(), rest


def grid_html(chosen: Chosen, said: Said, words: Words) -> str:
    """Draw the grid as far as there are answers; the rest of its cells wait."""
    label = words("prompt.grid_title")
    heads = "".join(
        f'<th scope="col"><span class="c">{escape(content)}</span></th>'
        for content in chosen.contents
    )
    body = "".join(
        f'<tr><th scope="row">{spans(parts(template))}</th>'
        + "".join(f"<td>{cell(template, c, said, words)}</td>" for c in chosen.contents)
        + "</tr>"
        for template in chosen.templates
    )
    rows = f"<tr><td></td>{heads}</tr>{body}"
    return (
        marks.heading(label, words, "measured")
        + f'<div class="parts">{legend(words)}</div>'
        + table(label, rows, "grid prompts")
    )


def cell(template: str, content: str, said: Said, words: Words) -> str:
    """Draw both models' answers to one prompt, each with its verdict."""
    drawn = []
    for model in MODELS:
        answer = said.get((model, template, content))
        if answer is None:
            text = '<span class="rest">…</span>'
        else:
            line, rest = first_line(answer)
            more = ' <span class="rest">⏎ …</span>' if rest else ""
            text = f"{verdict(template, content, answer, words)} {escape(line)}{more}"
        who = escape(words(f"prompt.{model}"))
        drawn.append(f'<span class="said"><span class="who">{who}</span>{text}</span>')
    return "".join(drawn)


def verdict(template: str, content: str, answer: str, words: Words) -> str:
    """Draw the verdict on an answer: a sign with its word, or that nobody can judge it."""
    right = obeys(task_of(template), content, answer)
    if right is None:
        return f'<span class="rest">({escape(words("prompt.no_judge"))})</span>'
    css, sign = ("yes", "✓") if right else ("no", "✗")
    word = escape(words(f"prompt.{css}"))
    return f'<span class="{css}">{sign} {word}</span>'


def rates(chosen: Chosen, said: Said) -> dict[str, Rate]:
    """Count the judged answers of each model."""
    found = {}
    for model in MODELS:
        verdicts = [
            obeys(task_of(template), content, answer)
            for (of, template, content), answer in said.items()
            if of == model and template in chosen.templates
        ]
        judged = [v for v in verdicts if v is not None]
        found[model] = Rate(right=sum(judged), total=len(judged))
    return found


def rates_html(chosen: Chosen, said: Said, words: Words) -> str:
    """Draw how many of the judged answers each model got right."""
    rows = [(words(f"prompt.{m}"), rate) for m, rate in rates(chosen, said).items()]
    return rate_bars(words, rows, words("prompt.grid_rates"))
