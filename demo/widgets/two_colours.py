"""A prompt in two colours: fixed text (instruction) and what fills it (content).

Underlines differ too, solid and dotted, and the legend's two words say which is which.
assets/prompt.js draws the same below every prompt box of the lab, by its own rule.
"""

from collections.abc import Sequence
from html import escape

from backend.prompts import Part
from demo.words import Words


def spans(parts: Sequence[Part]) -> str:
    """Draw a template's or a prompt's parts, its line breaks as they are."""
    return "".join(
        f'<span class="{"c" if part.slot else "i"}">{escape(part.text)}</span>' for part in parts
    )


def legend(words: Words) -> str:
    """Say which of the two is which."""
    return (
        f'<span class="key"><b class="i">{escape(words("prompt.instruction"))}</b> '
        f'<b class="c">{escape(words("prompt.content"))}</b></span>'
    )


def parts_html(parts: Sequence[Part], words: Words) -> str:
    """Draw a prompt with its legend."""
    return f'<div class="parts drawn">{legend(words)}<code>{spans(parts)}</code></div>'
