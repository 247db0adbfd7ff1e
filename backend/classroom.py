"""What a teacher sets for a class, and how the class votes. Pure: it knows no page and no model.

Tabs that are closed, the link that is suggested, the votes on the predict questions. A person has
one vote per question and the last counts. Only counts leave, nothing is written anywhere, and a
restart forgets all. Safe from many threads.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from backend.errors import LabError

Check = Callable[[str], bool]  # whether a field can take this text of a link
FIRST = "generate"  # the tab a page opens on
PATHS = ("", "/", "/ja", "/ja/")  # of the lab's page in the links that people copy
LONGEST_LINK = 20_000  # characters
MOST_VOTERS = 1000  # per question; further people are not counted


@dataclass(frozen=True, kw_only=True)
class Question:
    """A predict question as one language shows it; an answer is known by its place."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClassLink:
    """A link suggested to the class; `id` differs with each suggestion."""

    id: str
    tab: str
    query: str  # "tab=diversity&top_p=0.5"


class Classroom:
    """One class: its tabs, its link, its votes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fields: dict[str, Mapping[str, Check]] = {}
        self._questions: dict[tuple[str, str], Question] = {}
        self._closed: set[str] = set()
        self._link: ClassLink | None = None
        self._votes: dict[str, dict[str, int]] = {}

    def add_tab(self, tab: str, fields: Mapping[str, Check]) -> None:
        """Say that there is a tab, and which fields its links may carry."""
        self._fields[tab] = fields

    def ask(self, name: str, lang: str, question: Question) -> None:
        """Say what question `name` is in a language."""
        self._questions[name, lang] = question

    def questions(self, lang: str) -> dict[str, Question]:
        """Return the questions in a language, in the course's order."""
        return {name: asked for (name, spoken), asked in self._questions.items() if spoken == lang}

    @property
    def tabs(self) -> tuple[str, ...]:
        """All tabs in the course's order."""
        return tuple(self._fields)

    @property
    def closed(self) -> tuple[str, ...]:
        """The closed tabs in the course's order."""
        return tuple(tab for tab in self._fields if tab in self._closed)

    def set_open(self, tab: str, is_open: bool) -> None:
        """Open or close a tab. Raises LabError for an unknown one, or the last open one."""
        with self._lock:
            self._known(tab)
            if is_open:
                self._closed.discard(tab)
            elif len(self._closed | {tab}) == len(self._fields):
                raise LabError("last_tab", "one tab must stay open", "Open another one first")
            else:
                self._closed.add(tab)

    def opens(self, wish: str) -> str:
        """Return the tab that opens for a wish: itself, else Generate, else the first open one."""
        closed = self.closed
        still = [tab for tab in (wish, FIRST, *self._fields) if tab in self._fields]
        return next((tab for tab in still if tab not in closed), FIRST)

    @property
    def link(self) -> ClassLink | None:
        """What the class's pages show as suggested; nothing while its tab is closed."""
        link = self._link
        return link if link and link.tab not in self._closed else None

    def suggest(self, tab: str, link: str, *, host: str) -> ClassLink:
        """Suggest a tab, a copied link, or both where they agree; it replaces the one before.

        `host` is the lab's address as the teacher's browser names it. Raises LabError.
        """
        if len(link) > LONGEST_LINK:
            allowed = f"at most {LONGEST_LINK}"
            raise LabError(
                "link_long", f"{len(link)} characters: too long", value=len(link), allowed=allowed
            )
        settings = read_link(link.strip(), host) if link.strip() else {}
        named = settings.pop("tab", "" if settings else tab)
        self._known(named)
        if tab and named != tab:
            raise LabError(
                "link_tab", f"the link opens {named}, not {tab}", value=named, allowed=tab
            )
        for name, text in settings.items():
            if name not in self._fields[named]:
                allowed = ", ".join(self._fields[named]) or "–"
                raise LabError(
                    "link_field", f"{named} has no field {name}", value=name, allowed=allowed
                )
            if not self._fields[named][name](text):
                raise LabError(
                    "link_value", f"{name} cannot be {text[:80]}", field=name, value=text[:80]
                )
        with self._lock:
            if named in self._closed:
                raise LabError("link_closed", f"{named} is closed", "Open it first", value=named)
            query = urlencode({"tab": named, **settings})
            self._link = ClassLink(id=secrets.token_hex(4), tab=named, query=query)
            return self._link

    def withdraw(self) -> None:
        """Suggest nothing any more."""
        self._link = None

    def vote(self, name: str, answer: int, person: str) -> None:
        """Count a person's answer to a question in place of the one before."""
        with self._lock:
            votes = self._votes.setdefault(name, {})
            if person in votes or len(votes) < MOST_VOTERS:
                votes[person] = answer

    def counts(self, name: str, answers: int) -> list[int]:
        """Return how many people gave each of so many answers."""
        with self._lock:
            given = list(self._votes.get(name, {}).values())
        return [given.count(answer) for answer in range(answers)]

    def clear(self, name: str = "") -> None:
        """Forget the votes on one question, or on all."""
        with self._lock:
            for forgotten in [name] if name else list(self._votes):
                self._votes.pop(forgotten, None)

    def reset(self) -> None:
        """Open all tabs, suggest nothing, forget all votes."""
        with self._lock:
            self._closed.clear()
            self._votes.clear()
            self._link = None

    def _known(self, tab: str) -> None:
        if tab not in self._fields:
            allowed = ", ".join(self._fields)
            raise LabError(
                "tab_unknown", f"there is no tab {tab[:40]!r}", value=tab[:40], allowed=allowed
            )


def read_link(link: str, host: str) -> dict[str, str]:
    """Return what a link to the lab's page at `host` carries, less the language. Raises LabError.

    `host` ends in the path a proxy serves the lab at, if any (`example.org/lab`). A path alone
    (`/?tab=memory`) is this lab's.
    """
    elsewhere = LabError("link_site", "this is not a link to this lab", value=host)
    try:
        parts = urlsplit(link)
        settings = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise elsewhere from None
    netloc, slash, prefix = host.partition("/")
    here = parts.scheme in ("http", "https") and parts.netloc == netloc
    path = parts.path.removeprefix(slash + prefix)
    if (not here and (parts.scheme or parts.netloc)) or path not in PATHS:
        raise elsewhere
    return {name: text for name, text in settings.items() if name != "lang"}
