"""Small pieces of HTML: messages, headings with a badge, the length ruler. All text is escaped."""

import math
from html import escape
from typing import Literal

from demo.words import Words

Badge = Literal["measured", "estimated", "recorded"]


def say(text: str = "", *, bad: bool = False) -> str:
    """A line that tells what happens, or what was wrong; its space is kept when it is empty."""
    role = "alert" if bad else "status"
    return f'<div class="say{" bad" if bad else ""}" role="{role}">{escape(text)}</div>'


def title(text: str) -> str:
    """A tab's title: its idea in one sentence."""
    return f"<h2>{escape(text)}</h2>"


def heading(title: str, words: Words, badge: Badge | None = None, note: str = "") -> str:
    """A card's title, where its numbers come from, and a note."""
    kind = ' rec"' if badge == "recorded" else '"'
    mark = f'<span class="badge{kind}>{escape(words(f"badge.{badge}"))}</span>' if badge else ""
    tail = f'<span class="src">{escape(note)}</span>' if note else ""
    return f'<div class="h"><h3>{escape(title)}</h3>{mark}{tail}</div>'


def ruler(prompt: int, new: int, limit: int, words: Words) -> str:
    """Prompt, new and unused tokens on one bar: max_length against max_new_tokens.

    A prompt of 0 tokens is one that nobody here can count.
    """
    if not prompt:
        return say(words("remote.uncounted"))
    total = max(prompt + limit, 1)
    label = words("ruler.label", prompt=prompt, new=new, left=limit - new, total=total)
    parts = "".join(
        f'<span class="{css}"{style}>{text}</span>'
        for css, style, text in (
            ("p", f' style="width:{100 * prompt / total:.1f}%"', str(prompt)),
            ("n", f' style="width:{100 * new / total:.1f}%"', str(new) if new else ""),
            ("r", "", str(limit - new) if limit > new else ""),
        )
    )
    note = words("ruler.note", prompt=prompt, limit=limit, total=total)
    return (
        f'<div class="ruler" role="img" aria-label="{escape(label)}">{parts}</div>'
        f'<div class="src">{escape(label)}</div><div class="src">{escape(note)}</div>'
    )


def number(value: float, spec: str) -> str:
    """A number written as `spec` says; a question mark where the server gives none."""
    return "?" if math.isnan(value) else format(value, spec)


def plain(text: str, css: str = "plain") -> str:
    """Text as it is, in the monospace face."""
    return f'<div class="{css}">{escape(text)}</div>'
