"""Log in, then move the cache: where the token is looked for before and after (errata 23)."""

from collections.abc import Sequence
from html import escape

from backend.hub_cache import Resolved
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words


def moved_html(steps: Sequence[tuple[str, Resolved]], words: Words) -> str:
    """Draw what huggingface_hub resolved at each step, in an empty home."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name or words("start.nothing_set"))}</th>'
        f"<td>{escape(r.token)}</td>"
        f'<td class="text{"" if r.logged_in else " odd"}">'
        f"{escape(words('start.logged_in' if r.logged_in else 'start.logged_out'))}</td></tr>"
        for name, r in steps
    )
    return facts(rows, ("set", "looked_for", "state"), words("start.moved"), words)


def resolved_html(hf_home: str, found: Resolved, words: Words) -> str:
    """Draw the four paths that follow from one HF_HOME."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(path)}</td></tr>'
        for name, path in (
            ("HF_HOME", found.home),
            ("HF_HUB_CACHE", found.hub),
            ("HF_ASSETS_CACHE", found.assets),
            (words("start.looked_for"), found.token),
        )
    )
    title = words("start.with_home", path=hf_home or "-")
    return facts(rows, ("variable", "resolved"), title, words)


def facts(rows: str, heads: Sequence[str], title: str, words: Words) -> str:
    """A titled table of measured facts."""
    head = "".join(f'<th scope="col">{escape(words(f"start.{key}"))}</th>' for key in heads)
    return heading(title, words, "measured") + table(title, f"<tr>{head}</tr>{rows}", "grid facts")
