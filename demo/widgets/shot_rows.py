"""The same question behind 0 to n examples: each answer, what runs on after it, how it ended."""

from collections.abc import Sequence
from html import escape

from backend.prompts import Part
from backend.shots import answer_of
from backend.types import Generation
from demo.widgets.marks import heading
from demo.words import Words


def answers_html(
    words: Words, found: Sequence[Generation | None], prompt_tokens: Sequence[int]
) -> str:
    """Draw one row per number of examples; None is still being written."""
    rows = []
    for n, (said, given) in enumerate(zip(found, prompt_tokens)):
        name = f'<span class="n">{escape(words("shots.row", n=n))}</span>'
        if said is None:
            rows.append(f'<li>{name}<span class="said">…</span></li>')
            continue
        answer, rest = answer_of(said.text)
        run_on = ""
        if rest:
            label = f'<span class="src">{escape(words("shots.run_on"))}</span> '
            run_on = f'<div class="on">{label}{escape(rest)}</div>'
        end = words(
            "shots.row_end",
            given=given or "?",
            n=len(said.steps),
            reason=words(f"reason.{said.finish_reason}"),
        )
        rows.append(
            f'<li>{name}<div><div class="said">{escape(answer)}</div>{run_on}</div>'
            f'<span class="src">{escape(end)}</span></li>'
        )
    body = f'<ol class="answers">{"".join(rows)}</ol>'
    return heading(words("shots.answers"), words, "measured") + body


def empty_html(words: Words) -> str:
    """Draw the place of the answers before there are any."""
    wait = escape(words("inside.wait"))
    return (
        heading(words("shots.answers"), words)
        + f'<div class="answers"><div class="say">{wait}</div></div>'
    )


def parts_of(prompt: str, content: str) -> list[Part]:
    """Return a prompt as fixed text, examples and all, and its content, which stands last."""
    before, found, after = prompt.rpartition(content) if content else (prompt, "", "")
    if not found:
        return [Part(text=prompt)]
    parts = (Part(text=before), Part(text=content, slot="content"), Part(text=after))
    return [part for part in parts if part.text]
