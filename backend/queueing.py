"""Who runs next: people, their limits, their order (DESIGN 4.2). No model, no thread, no clock.

People take turns, each with their own requests in order, and nobody overtakes the one whose turn
it is, so that a large request is not starved; a person who runs as many as they may is passed
over. The person "" (a local caller, the teacher) takes turns like anybody, without limits of their
own. Times are seconds of one clock of the caller's. Safe from many threads.
"""

import math
import statistics
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from backend.errors import LabError

Item = TypeVar("Item")
RECENT = 64  # ended items that the expected wait is measured on
RETRY_S = 10  # said where nothing has been measured yet


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one person may have at a time, and how long anybody waits in line."""

    running: int = 2
    waiting: int = 2
    rows: int = 16  # of those running and waiting together
    deadline_s: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where somebody stands in line."""

    ahead: int  # how many begin before
    wait_s: float | None  # expected; None until something has ended
    own: bool  # it waits for one of the same person's to end


@dataclass(kw_only=True)
class _Entry:
    person: str
    rows: int
    since_s: float
    began_s: float | None = None  # None while it waits


class Line(Generic[Item]):
    """What waits and what runs, by person; `most` may wait in all."""

    def __init__(self, limits: Limits, *, most: int) -> None:
        self.limits, self.most = limits, most
        self._entries: dict[Item, _Entry] = {}
        self._waiting: dict[str, list[Item]] = {}  # the person whose turn it is first
        self._running: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()  # running and waiting
        self._service_s: deque[float] = deque(maxlen=RECENT)
        self._closed = False
        self._lock = threading.RLock()

    def join(
        self, item: Item, *, person: str, rows: int, now_s: float, patient: bool = False
    ) -> bool:
        """Put an item in line. Raises LabError, 503 for a full line and 429 for a full person.

        A patient one is told False instead, and may ask again: it joins only while its person has
        a running place free, so that what the person sends meanwhile is not refused for it. One of
        more rows than a person may have, since that limit fell, is refused: it would never join.
        """
        with self._lock:
            if self._closed:
                raise closing()
            refusal = self._refusal(person, rows, self.limits.running if patient else None)
            if refusal and patient and (not person or rows <= self.limits.rows):
                return False
            if refusal:
                raise refusal
            self._entries[item] = _Entry(person=person, rows=rows, since_s=now_s)
            self._waiting.setdefault(person, []).append(item)
            self._rows[person] += rows
            return True

    def close(self) -> list[Item]:
        """Let nobody join from now on; return all that wait: there will be no others."""
        with self._lock:
            self._closed = True
            return self.waiting

    def next(self) -> Item | None:
        """Return the one whose turn it is; it stays in line until it begins."""
        with self._lock:
            free = (p for p in self._waiting if not self._is_full(p))
            person = next(free, None)
            return None if person is None else self._waiting[person][0]

    def begin(self, item: Item, *, now_s: float) -> None:
        """Move an item from the line to those that run; its person's next turn is the last."""
        with self._lock:
            entry = self._entries[item]
            entry.began_s = now_s
            self._take_out(item, entry.person)
            if rest := self._waiting.pop(entry.person, None):
                self._waiting[entry.person] = rest
            self._running[entry.person] += 1

    def leave(self, item: Item, *, now_s: float) -> None:
        """Take an item out, running or waiting; one that has left already is left alone."""
        with self._lock:
            entry = self._entries.pop(item, None)
            if entry is None:
                return
            if entry.began_s is None:
                self._take_out(item, entry.person)
            else:
                self._service_s.append(now_s - entry.began_s)
                self._running[entry.person] -= 1
            self._rows[entry.person] -= entry.rows
            for counter in (self._running, self._rows):
                if not counter[entry.person]:
                    del counter[entry.person]  # people come and go

    def place(self, item: Item) -> Place | None:
        """Return where an item stands, None once it runs or has left."""
        with self._lock:
            entry = self._entries.get(item)
            if entry is None or entry.began_s is not None:
                return None
            own = self._waiting[entry.person].index(item)
            ahead = sum(before(own, self._waiting, entry.person))
            wait_s = expected_wait_s(ahead, self._running.total(), self._service_s)
            full = self._is_full(entry.person)
            if full and wait_s is not None:
                mine_s = expected_wait_s(own, self._running[entry.person], self._service_s)
                wait_s = max(wait_s, mine_s or 0.0)
            return Place(ahead=ahead, wait_s=wait_s, own=full)

    def places(self, person: str) -> list[Place | None]:
        """Return where a person's items stand, those that wait first; None: it runs."""
        with self._lock:
            mine = [item for item, entry in self._entries.items() if entry.person == person]
            return sorted(map(self.place, mine), key=lambda place: place is None)

    @property
    def waiting(self) -> list[Item]:
        """All that wait, each person's own in order."""
        with self._lock:
            return [item for items in self._waiting.values() for item in items]

    def late(self, now_s: float) -> list[Item]:
        """Return those that have waited past the deadline."""
        since_s = now_s - self.limits.deadline_s
        with self._lock:
            return [item for item in self.waiting if self._entries[item].since_s <= since_s]

    def too_late(self) -> LabError:
        """Return what somebody who has waited past the deadline is told."""
        with self._lock:
            return LabError(
                "waited_too_long",
                f"no place came free within {self.limits.deadline_s:g} s",
                "Try again when fewer people are waiting, or ask for a shorter text",
                value=f"{self.limits.deadline_s:g}",
                status=503,
                retry_after_s=self._retry_after_s(),
            )

    def _is_full(self, person: str) -> bool:
        return bool(person) and self._running[person] >= self.limits.running

    def _take_out(self, item: Item, person: str) -> None:
        self._waiting[person].remove(item)
        if not self._waiting[person]:
            del self._waiting[person]

    def _refusal(self, person: str, rows: int, at_most: int | None) -> LabError | None:
        """Return why a request may not join; `at_most` of its person's may be there already."""
        limits = self.limits
        waiting = len(self._waiting.get(person, ()))
        running = self._running[person]
        if person and running + waiting >= (at_most or limits.running + limits.waiting):
            return LabError(
                "person_busy",
                f"you have {running} running and {waiting} waiting",
                "Wait for one or stop one",
                running=running,
                waiting=waiting,
                status=429,
                retry_after_s=self._retry_after_s(running),
            )
        if person and self._rows[person] + rows > limits.rows:
            return LabError(
                "person_rows",
                f"you have {self._rows[person]} sequences under way; with {rows} more that passes"
                f" {limits.rows}",
                "Wait for one to end, or ask for fewer sequences",
                held=self._rows[person],
                value=rows,
                allowed=limits.rows,
                status=429,
                retry_after_s=self._retry_after_s(running),
            )
        total = sum(map(len, self._waiting.values()))
        if total >= self.most:
            after_s = self._retry_after_s()
            return LabError(
                "busy",
                f"{total} requests are waiting already",
                f"Try again in about {after_s} s",
                value=total,
                status=503,
                retry_after_s=after_s,
            )
        return None

    def _retry_after_s(self, running: int | None = None) -> int:
        """Return in how many whole seconds one of so many (of all) that run is expected to end."""
        running = self._running.total() if running is None else running
        wait_s = expected_wait_s(0, running, self._service_s)
        return RETRY_S if wait_s is None else max(1, math.ceil(wait_s))


def closing() -> LabError:
    """Return what is told to whoever is there when the lab closes, or comes after."""
    return LabError("closing", "the lab is closing", "Start it again", status=503)


def before(own: int, waiting: dict[str, list[Item]], person: str) -> Iterator[int]:
    """Yield how many of each person's begin before the `own`-th (from 0) of a waiting person's."""
    in_this_round = True
    for other, items in waiting.items():
        if other == person:
            in_this_round = False
            yield own
        else:
            yield min(len(items), own + in_this_round)


def expected_wait_s(ahead: int, running: int, service_s: Sequence[float]) -> float | None:
    """Return the seconds until `ahead` have begun and one more place is free; None if unknown.

    Each of those that run ends after the mean of `service_s`, what the last ones took; spread
    evenly, one ends every mean / running.
    """
    if not service_s or not running:
        return None
    return statistics.fmean(service_s) * (ahead + 1) / running
