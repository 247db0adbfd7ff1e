"""What one request's results travel through: from the model thread to one reader, bounded.

The reader is woken once per update and not once per token: at the first item, then when
`update_s` has passed, when half full, and at the end. A full channel pauses its request.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)
Item = TypeVar("Item")


class Channel(Generic[Item]):
    """One writer (the model thread), one reader (any thread or event loop)."""

    def __init__(self, *, limit: int, update_s: float) -> None:
        self._items: deque[Item] = deque()
        self._limit = limit
        self._update_s = update_s
        self._last_wake_s = -math.inf  # monotonic time may start near 0
        self._wake: Callable[[], object] = lambda: None
        self.on_change: Callable[[], object] = lambda: None  # tells the scheduler: room, or closed
        self.error: BaseException | None = None
        self.finished = False  # the writer is done
        self.closed = False  # the reader has gone

    # the writer
    @property
    def full(self) -> bool:
        """True while the reader is too far behind."""
        return len(self._items) >= self._limit

    def put(self, items: Iterable[Item]) -> None:
        """Add items; wake the reader if an update is due. What its waking raises is raised."""
        self._items.extend(items)
        now_s = time.monotonic()
        due = now_s - self._last_wake_s >= self._update_s
        if due or len(self._items) * 2 >= self._limit:
            self._last_wake_s = now_s
            self._wake()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes; `error` is raised in the reader after the last item."""
        if not self.finished:
            self.error, self.finished = error, True
            try:
                self._wake()
            except Exception:  # its own: the writer has others to serve
                log.exception("a reader could not be told the end")

    # the reader
    def listen(self, wake: Callable[[], object]) -> None:
        """Have `wake` called, from the writer's thread, when there is something to take."""
        self._wake = wake
        if self._items or self.finished:
            wake()

    def take(self) -> list[Item]:
        """Return all items so far, oldest first, without waiting."""
        was_full, items = self.full, []
        while self._items:
            items.append(self._items.popleft())
        if was_full:
            self.on_change()
        return items

    def close(self) -> None:
        """Leave: the request's place is freed within two steps."""
        if not self.closed:
            self.closed = True
            self.on_change()

    def wait(self, timeout_s: float) -> list[Item]:
        """Block until there is something to take, the end, or the timeout; return what there is."""
        ready = threading.Event()
        self.listen(ready.set)
        ready.wait(timeout_s)
        return self.take()
