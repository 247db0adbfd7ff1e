"""A job on the model thread, read on the event loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from backend.lab import PAGE_UPDATE_S, Lab

if TYPE_CHECKING:
    from backend.channel import Channel
    from backend.scheduler import Job

SILENT_S = 0.5


async def turns(
    lab: Lab, job: "Job", model: str = "", *, person: str
) -> AsyncGenerator[list[object], None]:
    """Yield what a job has brought since the last time, an empty list after half a second of none.

    The first at once, then about ten times a second: a page that is sent every step of a fast job
    is still drawing the old ones when it is over.

    Closing it ends the job at its next turn. Raises LabError, and what the job raises.
    """
    begin = asyncio.create_task(asyncio.to_thread(_begin, lab, job, model, person))
    try:
        channel = await asyncio.shield(begin)
    except asyncio.CancelledError:
        begin.add_done_callback(_leave)
        raise
    loop, changed, due = asyncio.get_running_loop(), asyncio.Event(), 0.0

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens
            loop.call_soon_threadsafe(changed.set)

    try:
        channel.listen(wake)
        while True:
            finished = channel.finished  # read before the items: none can come after it
            if (finished or loop.time() >= due) and (items := channel.take()):
                yield items
                due = loop.time() + PAGE_UPDATE_S
            if finished:
                break
            early_s = due - loop.time()
            try:
                async with asyncio.timeout(early_s if early_s > 0 else SILENT_S):
                    await changed.wait()
            except TimeoutError:
                if early_s <= 0:
                    yield []
            changed.clear()
        if channel.error:
            raise channel.error
    finally:
        channel.close()


def _begin(lab: Lab, job: "Job", model: str, person: str) -> "Channel[object]":
    return lab.engine.begin(job, model, person=person)


def _leave(begun: "asyncio.Task[Channel[object]]") -> None:
    if not begun.cancelled() and not begun.exception():
        begun.result().close()
