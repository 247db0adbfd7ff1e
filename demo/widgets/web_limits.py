"""Searching the web: what happens to a query, the anatomy of a refusal, what this lab does."""

from collections.abc import Mapping
from html import escape

from backend.lab import Lab
from backend.offline_search import shipped
from backend.retrieval import KEPT_S, LONGEST_REST_S, WEB_LIMIT_S
from demo.widgets import marks
from demo.words import Words

# who stands in the traceback of a refused search, from the learner's line to the service
LAYERS: Mapping[str, str] = {
    "yours": 'search.invoke("...")',
    "core": "langchain_core/tools/base.py",
    "tool": "langchain_community/tools/ddg_search/tool.py",
    "wrapper": "langchain_community/utilities/duckduckgo_search.py",
    "package": "duckduckgo_search (ddgs)",
    "error": "202 Ratelimit",
}


def anatomy_html(words: Words) -> str:
    """Draw the layers of the traceback in order, each with what it does."""
    rows = "".join(
        f"<li><code>{escape(code)}</code><br>{escape(words(f'search.layer_{name}'))}</li>"
        for name, code in LAYERS.items()
    )
    return (
        marks.heading(words("search.layers_title"), words)
        + f'<ol class="layers">{rows}</ol><p>{escape(words("search.layers_now"))}</p>'
    )


def state_html(lab: Lab, words: Words) -> str:
    """Say what this lab has asked of the web so far, and whether it rests."""
    searching = lab.retrieval
    wait_s = searching.wait_s
    key = "search.web_state" if wait_s else "search.web_state_free"
    said = words(key, asked=searching.asked, wait=wait_s)
    limits = words(
        "search.web_limits",
        limit=f"{WEB_LIMIT_S:g}",
        kept=f"{KEPT_S / 60:g}",
        longest=f"{LONGEST_REST_S / 60:g}",
    )
    head = marks.heading(words("search.state_title"), words, "measured")
    return f"{head}<p>{escape(said)}</p><p>{escape(limits)}</p>"


def pages_html(words: Words) -> str:
    """List the shipped pages, invented and real, in the page's language first."""
    parts = []
    for kind in ("invented", "real"):
        rows = "".join(
            f'<li><a href="/corpus/{escape(page.id)}" target="_blank">{escape(page.title)}</a></li>'
            for page in shipped().pages
            if page.kind == kind and page.lang == words.lang
        )
        title = words(f"search.pages_{kind}")
        parts.append(f'<p>{escape(title)}</p><ul class="pages">{rows}</ul>')
    other = sum(page.lang != words.lang for page in shipped().pages)
    return "".join(parts) + f'<p class="src">{escape(words("search.pages_other", n=other))}</p>'
