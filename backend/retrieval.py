"""Search: DuckDuckGo through langchain-community when it may and can be asked, else our own pages.

What comes back is data: plain text without control characters, cut to a length, and a link that is
http(s) or empty. The web is asked in a thread that is left behind when it is late, so a search ends
within WEB_LIMIT_S whatever the network does; after a failure it is not asked again for a while.
Nothing of the search packages is imported before the first search of the web.
"""

import asyncio
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from backend.duckduckgo import Failure, WebFailed, duckduckgo, import_packages, kind_of
from backend.errors import LabError
from backend.offline_search import shipped

Source = Literal["auto", "web", "offline"]
SOURCES: tuple[Source, ...] = ("auto", "web", "offline")
WEB_LIMIT_S = 5.0
MOST_HITS = 5
KEPT_S, KEPT = 3600.0, 256  # how long an answer of the web is used again, and how many are kept
FIRST_REST_S, LONGEST_REST_S = 10.0, 600.0
MOST_AT_ONCE = 4  # searches of the web under way
LONGEST_QUERY, LONGEST_TITLE, LONGEST_SNIPPET, LONGEST_LINK = 300, 200, 1200, 500


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One result. `link` is http(s), or of our own pages `/corpus/...`, or empty."""

    title: str
    link: str
    snippet: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search gave, where from, and why not from the web if that was tried."""

    query: str
    hits: tuple[Hit, ...]
    source: Literal["web", "cached", "offline"]
    failure: Failure | None = None
    wait_s: int = 0  # until the web is asked again

    def as_json(self) -> dict[str, object]:
        """Return what /retrieve gives."""
        hits = [{"title": h.title, "link": h.link, "snippet": h.snippet} for h in self.hits]
        return {"hits": hits, "source": self.source}


Ask = Callable[[str, int], Sequence[object]]


class Retrieval:
    """Searches with a cache and a back-off, shared by everybody who uses the lab."""

    def __init__(
        self,
        allowed: Source = "auto",
        *,
        ask: Ask = duckduckgo,
        clock: Callable[[], float] = time.monotonic,
        limit_s: float = WEB_LIMIT_S,
    ) -> None:
        self.allowed = allowed  # LAB_SEARCH
        self.asked = 0  # queries sent out ever
        self._ask, self._clock, self._limit_s = ask, clock, limit_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], tuple[float, tuple[Hit, ...]]] = OrderedDict()
        self._rest_s, self._rest_until = 0.0, 0.0
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._waiters = ThreadPoolExecutor(2 * MOST_AT_ONCE, thread_name_prefix="search")

    @property
    def wait_s(self) -> int:
        """Whole seconds until the web is asked again; 0 when it may be asked."""
        left = self._rest_until - self._clock()
        return int(left) + 1 if left > 0 else 0

    def warm(self) -> None:
        """Import the search packages in the background: the limit of a search counts that too."""
        if self.allowed != "offline":
            threading.Thread(target=import_packages, name="search import", daemon=True).start()

    def meant(self, source: object) -> Source:
        """Return the source that is used, `auto` as LAB_SEARCH has it. Raises LabError."""
        if source not in SOURCES:
            allowed = ", ".join(SOURCES)
            raise LabError(
                "prompt_type", f"source must be one of {allowed}", field="source",
                value=repr(source)[:80], allowed=allowed,
            )  # fmt: skip
        if self.allowed == "offline":
            if source == "web":
                raise LabError(
                    "search_offline", "this lab does not search the web (LAB_SEARCH=offline)",
                    field="source", value="web", allowed="offline",
                )  # fmt: skip
            return "offline"
        if self.allowed == "web" and source == "auto":
            return "web"
        return source

    def search(self, query: object, source: object = "auto", *, most: int = MOST_HITS) -> Found:
        """Return hits, best first; blocks for at most the web's limit. Raises LabError.

        `auto` goes on with our own pages when the web fails; `web` says so instead.
        """
        meant, text = self.meant(source), checked(query)
        if meant == "offline":
            return Found(query=text, hits=offline(text, most), source="offline")
        kept = self._from_cache(text, most)
        if kept is not None:
            return Found(query=text, hits=kept, source="cached")
        try:
            hits = self._from_web(text, most)
        except WebFailed as failed:
            if meant == "web":
                raise self._told(failed) from None
            return Found(
                query=text, hits=offline(text, most), source="offline",
                failure=failed.failure, wait_s=self.wait_s,
            )  # fmt: skip
        return Found(query=text, hits=hits, source="web")

    async def asearch(
        self, query: object, source: object = "auto", *, most: int = MOST_HITS
    ) -> Found:
        """The same on an event loop, in threads of its own: others need asyncio's."""
        do = functools.partial(self.search, query, source, most=most)
        return await asyncio.get_running_loop().run_in_executor(self._waiters, do)

    def _from_cache(self, query: str, most: int) -> tuple[Hit, ...] | None:
        with self._lock:
            then, hits = self._kept.get((query, most), (0.0, ()))
            return hits if hits and self._clock() - then < KEPT_S else None

    def _from_web(self, query: str, most: int) -> tuple[Hit, ...]:
        if self.wait_s:
            raise WebFailed("resting")
        box: list[Sequence[object] | Exception] = []
        done = threading.Event()

        def run() -> None:
            try:
                box.append(self._ask(query, most))
            except Exception as error:  # theirs: sorted into our few kinds below
                box.append(error)
            finally:
                self._free.release()
                done.set()

        begun = self._clock()
        if not self._free.acquire(timeout=self._limit_s):
            raise WebFailed("timeout")
        self.asked += 1
        threading.Thread(target=run, name="web search", daemon=True).start()
        in_time = done.wait(max(self._limit_s - (self._clock() - begun), 0.0))
        answer = box[0] if in_time and box else WebFailed("timeout")
        hits = () if isinstance(answer, Exception) else cleaned(answer, most)
        if not hits:
            failure = kind_of(answer) if isinstance(answer, Exception) else "nothing"
            self._rest()
            raise WebFailed(failure) from None
        with self._lock:
            self._rest_s = self._rest_until = 0.0
            self._kept[query, most] = self._clock(), hits
            self._kept.move_to_end((query, most))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return hits

    def _rest(self) -> None:
        """Leave the web alone, twice as long after every failure; those at once are one."""
        with self._lock:
            if self.wait_s:
                return
            self._rest_s = min(self._rest_s * 2 or FIRST_REST_S, LONGEST_REST_S)
            self._rest_until = self._clock() + self._rest_s

    def _told(self, failed: WebFailed) -> LabError:
        hint = "Choose offline, or try again later"
        return LabError(
            f"search_{failed.failure}", f"the search of the web gave nothing: {failed.failure}",
            hint, field="source", value="web", wait_s=self.wait_s, limit_s=f"{self._limit_s:g}",
        )  # fmt: skip


def checked(query: object) -> str:
    """Return a query on one line. Raises LabError where it is no text or empty."""
    text = " ".join(plain(query).split()) if isinstance(query, str) else ""
    if not text or len(text) > LONGEST_QUERY:
        allowed = f"1 to {LONGEST_QUERY}"
        raise LabError(
            "query", f"query must have {allowed} characters", field="query",
            value=len(text), allowed=allowed,
        )  # fmt: skip
    return text


def plain(text: str) -> str:
    """Return a text without control and direction characters; line ends become blanks."""
    spaced = "".join(" " if c.isspace() else c for c in text)
    return "".join(c for c in spaced if c.isprintable())


def link_of(value: object) -> str:
    """Return a link where it is http(s) with a host and no blanks or quotes, else nothing."""
    link = value.strip() if isinstance(value, str) else ""
    if len(link) > LONGEST_LINK or any(c.isspace() or c in "\"'<>\\`" for c in link):
        return ""
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return ""
    return link if parts.scheme in ("http", "https") and host and link.isprintable() else ""


def cleaned(rows: Sequence[object], most: int) -> tuple[Hit, ...]:
    """Return the rows of a search as hits; what is not text is nothing, empty rows go."""
    hits = []
    for row in rows:
        if not isinstance(row, dict):
            continue
        title, snippet = (
            " ".join(plain(value).split())[:longest] if isinstance(value, str) else ""
            for value, longest in (
                (row.get("title"), LONGEST_TITLE),
                (row.get("snippet"), LONGEST_SNIPPET),
            )
        )
        if snippet:
            hits.append(Hit(title=title, link=link_of(row.get("link")), snippet=snippet))
    return tuple(hits[:most])


def offline(query: str, most: int) -> tuple[Hit, ...]:
    """Search the shipped pages."""
    return tuple(
        Hit(title=page.title, link=f"/corpus/{page.id}", snippet=page.text)
        for page in shipped().search(query, most)
    )
