"""Search hits as rows: title, link, snippet. What was retrieved is escaped, never rendered."""

from html import escape

from backend.retrieval import Found, Hit
from demo.widgets import marks
from demo.words import Words

OURS = "/corpus/"


def hits_html(found: Found, used: int, words: Words) -> str:
    """Draw the hits numbered from 1, the first `used` of them marked as in the prompt."""
    badge = (
        f'<span class="badge src-{found.source}">{escape(words(f"search.{found.source}"))}</span>'
    )
    head = f'<div class="h"><h3>{escape(words("search.hits_title"))}</h3>{badge}</div>'
    why = failure_text(found, words)
    told = f'<p class="why">{escape(why)}</p>' if why else ""
    if not found.hits:
        return head + told + marks.say(words("search.no_hits"))
    rows = "".join(row(n, hit, n <= used, words) for n, hit in enumerate(found.hits, start=1))
    query = escape(words("search.query_was", query=found.query))
    return f'{head}{told}<p class="src">{query}</p><ol class="hits">{rows}</ol>'


def row(n: int, hit: Hit, packed: bool, words: Words) -> str:
    """Draw one hit; citations lead to its id."""
    mark = words("search.in_prompt" if packed else "search.not_in_prompt")
    return (
        f'<li id="search-hit-{n}" tabindex="-1"><span class="no">[{n}]</span>'
        f'<div><b>{escape(hit.title) or "–"}</b> <span class="mark{"" if packed else " out"}">'
        f"{escape(mark)}</span>{link(hit.link)}<p>{escape(hit.snippet)}</p></div></li>"
    )


def link(address: str) -> str:
    """Draw a link that says where it leads; of our own pages or http(s) only."""
    if address.startswith(OURS):
        return f'<a class="to" href="{escape(address)}" target="_blank">{escape(address)}</a>'
    if not address.startswith(("http://", "https://")):
        return ""
    rel = "noopener noreferrer nofollow"
    return (
        f'<a class="to" href="{escape(address)}" target="_blank" rel="{rel}"'
        f' referrerpolicy="no-referrer">{escape(address)}</a>'
    )


def failure_text(found: Found, words: Words) -> str:
    """Say why the web gave nothing and our own pages stand in, if so."""
    if found.failure is None:
        return ""
    why = words(f"search.why_{found.failure}")
    return words("search.fell_back", why=why, wait=found.wait_s)
