"""Looks after the model thread from a thread of its own.

The failure most reported of serving engines is a dead generation thread behind a healthy HTTP
endpoint. A dead thread is replaced; of a silent one the log gets the stack, once, and its readers
get an error, also those who come while it is silent. A long turn that is announced (a job's, one
that reads a prompt) has more time.
"""

import logging
import sys
import threading
import time
import traceback
from typing import Protocol

from backend.errors import LabError

log = logging.getLogger(__name__)


class Watched(Protocol):
    """What has a thread with a beat."""

    thread: threading.Thread
    last_beat: float  # time.time
    announced: str  # what a long turn does, empty for a short one

    def revive(self, error: LabError) -> None:
        """Start another thread; whoever was served gets `error`."""

    def give_up(self, error: LabError) -> None:
        """Tell `error` to whoever waits; the thread may still come back."""


class Watchdog:
    """Looks every `every_s` seconds until it is closed."""

    def __init__(
        self,
        watched: Watched,
        *,
        every_s: float = 1.0,
        silent_s: float = 30.0,
        announced_s: float = 600.0,
    ) -> None:
        self._watched = watched
        self._silent_s, self._announced_s = silent_s, announced_s
        self._every_s = every_s
        self._silent = False
        self._woke_s = time.time()
        self._closed = threading.Event()
        threading.Thread(target=self._loop, name="watchdog", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _loop(self) -> None:
        while not self._closed.wait(self._every_s):
            self.wake(time.time())

    def wake(self, now_s: float) -> None:
        """Look, but not where the whole process slept, as a laptop does: the beat comes first."""
        slept_s, self._woke_s = now_s - self._woke_s, now_s
        if slept_s < self._every_s + self._silent_s / 2:
            self.look(now_s)

    def look(self, now_s: float) -> None:
        """Act on what the thread looks like at `now_s` (time.time)."""
        watched = self._watched
        if not watched.thread.is_alive():
            log.critical("the model thread has died; starting another")
            watched.revive(stopped())
            return
        limit_s = self._announced_s if watched.announced else self._silent_s
        silent = now_s - watched.last_beat > limit_s
        if silent and not self._silent:
            frame = sys._current_frames().get(watched.thread.ident or 0)
            stack = "".join(traceback.format_stack(frame)) if frame else "no stack"
            log.critical("the model thread has been silent for %g s:\n%s", limit_s, stack)
        if silent:
            watched.announced = ""  # it has had its time: it is not ready either
            watched.give_up(stopped())
        self._silent = silent


def stopped() -> LabError:
    """Return what the readers of a thread that died or fell silent are told."""
    return LabError(
        "engine_stopped",
        "the model stopped answering",
        "Run it again; if it happens again, the teacher can restart the lab",
        status=503,
        retry_after_s=10,
    )
