"""What of the hits is in the prompt: the budget as a bar, each hit's tokens, the prompt itself."""

from html import escape

from backend.grounding import Packed
from backend.types import Prompt
from demo.widgets import marks
from demo.widgets.fold import table
from demo.words import Words


def packed_html(packed: Packed, prompt: Prompt, words: Words) -> str:
    """Draw the budget, one row per hit, and the whole prompt with the passages coloured."""
    total = sum(packed.tokens[: packed.used])
    said = words(
        "search.packed_said", used=packed.used, hits=len(packed.hits), total=total,
        budget=packed.budget,
    )  # fmt: skip
    parts = "".join(
        f'<span style="width:{100 * size / packed.budget:.2f}%">{n}</span>'
        for n, size in enumerate(packed.tokens[: packed.used], start=1)
    )
    rows = "".join(
        f'<tr><th scope="row">[{n}] {escape(hit.title[:40])}</th><td>{size}</td>'
        f"<td>{escape(words('search.fits' if n <= packed.used else 'search.fits_not'))}</td></tr>"
        for n, (hit, size) in enumerate(zip(packed.hits, packed.tokens), start=1)
    )
    names = ("column_hit", "column_tokens", "column_fits")
    heads = "".join(f'<th scope="col">{escape(words(f"search.{name}"))}</th>' for name in names)
    return (
        marks.heading(
            words("search.packed_title"), words, "measured" if prompt.ids else "estimated"
        )
        + f'<div class="budget" role="img" aria-label="{escape(said)}">{parts}</div>'
        + f'<p class="src">{escape(said)}</p>'
        + (table(words("search.packed_title"), f"<tr>{heads}</tr>{rows}") if rows else "")
        + marks.heading(words("search.prompt_title", n=len(prompt.ids) or "?"), words, "measured")
        + f'<div class="plain">{coloured(prompt.text, packed)}</div>'
        + f'<p class="src">{escape(words("search.prompt_note"))}</p>'
    )


def coloured(text: str, packed: Packed) -> str:
    """Return the prompt escaped, what was retrieved in one colour and the rest as it is."""
    done, parts = 0, []
    for passage in packed.passages:
        at = text.find(passage, done)
        if at >= 0:
            parts.append(escape(text[done:at]))
            parts.append(f'<span class="user">{escape(passage)}</span>')
            done = at + len(passage)
    return "".join(parts) + escape(text[done:])
