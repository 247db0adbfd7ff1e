"""One run per setting for a whole class: results kept by settings, runs under way shared.

A cell is one seeded request, so its result is a function of its key. A run that nobody waits for
any more is cancelled; a refusal is never kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from backend.errors import LabError

Value = TypeVar("Value")


@dataclass(kw_only=True, eq=False)
class Running(Generic[Value]):
    """A run under way and how many wait for it."""

    task: asyncio.Task[Value]
    waiting: int = 0


class Cells(Generic[Value]):
    """The results of one event loop; past `most` in weight the least recently asked for go."""

    def __init__(self, most: int = 400_000) -> None:
        self._most = most
        self._done: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._running: dict[Hashable, Running[Value]] = {}
        self.runs = 0  # ever begun

    def known(self, key: Hashable) -> bool:
        """True where the answer is at hand."""
        return key in self._done

    def clear(self) -> None:
        """Forget all results; what runs goes on."""
        self._done.clear()

    async def get(
        self, key: Hashable, run: Callable[[], Awaitable[Value]], *, weight: int = 1
    ) -> Value:
        """Return the value of `key`, running `run` only if nobody has or does. Raises LabError.

        `weight` is what keeping it costs, for text its tokens.
        """
        while True:
            if key in self._done:
                self._done.move_to_end(key)
                return self._done[key][0]
            running = self._running.get(key)
            mine = running is None
            if running is None:
                running = Running(task=asyncio.create_task(self._run(key, run, weight)))
                self._running[key] = running
                self.runs += 1
            running.waiting += 1
            try:
                return await asyncio.shield(running.task)
            except LabError:
                if mine:
                    raise  # another's refusal (their limit) is not ours: ask for ourselves
            finally:
                running.waiting -= 1
                if not running.waiting:
                    running.task.cancel()
                if self._running.get(key) is running and (
                    running.task.done() or not running.waiting
                ):
                    del self._running[key]

    async def _run(self, key: Hashable, run: Callable[[], Awaitable[Value]], weight: int) -> Value:
        value = await run()
        self._done[key] = value, weight
        held = sum(kept for _, kept in self._done.values())
        while held > self._most:
            held -= self._done.popitem(last=False)[1][1]
        return value
