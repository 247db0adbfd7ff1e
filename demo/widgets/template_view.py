"""The rendered chat template with its roles coloured, and the ids below."""

from collections.abc import Sequence
from html import escape

from backend.types import Message, Prompt
from demo.widgets.marks import heading
from demo.words import Words


def template_html(
    prompt: Prompt, messages: Sequence[Message], sent: Sequence[int], words: Words
) -> str:
    """Show what the model was given; `sent` counts the ids of each turn so far."""
    text, at, parts = prompt.text, 0, []
    for message in messages:
        content = message["content"].strip()
        found = text.find(content, at)
        if found < 0 or not content:
            continue
        parts.append(escape(text[at:found]))
        parts.append(f'<span class="{escape(message["role"])}">{escape(content)}</span>')
        at = found + len(content)
    parts.append(escape(text[at:]))
    ids = " ".join(map(str, prompt.ids))
    growing = " → ".join(str(n or "?") for n in sent)
    roles = " ".join(
        f'<span class="{role}">{escape(words(f"chat.role_{role}"))}</span>'
        for role in ("system", "user", "assistant")
    )
    return (
        heading(words("chat.rendered"), words, "measured")
        + f'<div class="plain">{"".join(parts)}</div>'
        + f'<div class="src plain">{roles}</div>'
        + heading(words("chat.ids", n=len(prompt.ids) or "?"), words, "measured")
        + f'<div class="plain">{escape(ids)}</div>'
        + f'<div class="src">{escape(words("chat.growing", ids=growing))}</div>'
    )
