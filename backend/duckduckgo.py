"""The one place that knows DuckDuckGo's packages: how it is asked, and what its failures mean.

Both are imported by the first search of the web, in its own thread.
"""

import contextlib
import importlib
from collections.abc import Sequence
from typing import Literal

TIMEOUT_S = 5  # of one request, in ddgs
Failure = Literal["rate_limit", "timeout", "nothing", "failed", "missing", "resting"]


class WebFailed(Exception):
    """The web gave no hits; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure: Failure = failure


def duckduckgo(query: str, most: int) -> Sequence[object]:
    """Ask DuckDuckGo through langchain-community, or through ddgs where that is missing.

    `backend`: ddgs searches several engines unless told which. `time`: langchain-community asks
    for the last year alone unless told not to.
    """
    try:
        from langchain_community.tools import DuckDuckGoSearchResults
        from langchain_community.utilities import DuckDuckGoSearchAPIWrapper
    except ImportError:
        from ddgs import DDGS

        with DDGS(timeout=TIMEOUT_S) as ddgs:
            found = ddgs.text(query, region="wt-wt", max_results=most, backend="duckduckgo")
        return [
            {"title": row.get("title"), "link": row.get("href"), "snippet": row.get("body")}
            for row in found or ()
        ]
    wrapper = DuckDuckGoSearchAPIWrapper(backend="duckduckgo", time=None, max_results=most)
    tool = DuckDuckGoSearchResults(output_format="list", num_results=most, api_wrapper=wrapper)
    return list(tool.invoke(query))


def kind_of(error: Exception) -> Failure:
    """Sort an exception of the search packages into a kind; by name, to import nothing."""
    if isinstance(error, WebFailed):
        return error.failure
    name, text = type(error).__name__.lower(), str(error).lower()
    if "ratelimit" in name or "ratelimit" in text or "429" in text:
        return "rate_limit"
    if "timeout" in name or "timed out" in text:
        return "timeout"
    if "no results" in text:
        return "nothing"
    return "missing" if isinstance(error, ImportError) else "failed"


def import_packages() -> None:
    """Import what a search needs, as far as it is installed; takes a second, or ten when busy."""
    for name in ("langchain_community.tools", "langchain_community.utilities", "ddgs"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
