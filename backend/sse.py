"""Server-sent events: written as they come, ended where the client leaves or takes nothing."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from typing import TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.types import StreamUpdate

log = logging.getLogger(__name__)
Result = TypeVar("Result")

KEEP_ALIVE_S = 10.0  # a waiting stream says at least so often that it is there
WRITE_LIMIT_S = 30.0  # a client that takes nothing for so long has left
WAITING = b": waiting\n\n"  # a comment, which clients pass over
DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """Server-sent events, written as they come until the client leaves or takes nothing."""

    media_type = "text/event-stream"

    def __init__(self, data: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._data = data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write() -> None:
            async with contextlib.aclosing(self._data):
                head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                await send(head)
                async for data in self._data:
                    async with asyncio.timeout(WRITE_LIMIT_S):
                        await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        try:
            await while_here(receive, write())
        except TimeoutError:
            log.warning("a client took nothing for %g s: its stream has ended", WRITE_LIMIT_S)


async def steady(
    updates: AsyncGenerator[StreamUpdate, None],
) -> AsyncGenerator[StreamUpdate, None]:
    """Yield the updates, and an empty one where none comes for KEEP_ALIVE_S.

    While a constraint is built ("loading") and a prompt is read: only as often, since an error may
    follow that is better told by a status.
    """
    coming: asyncio.Future[StreamUpdate] | None = None
    last_s = time.monotonic()
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(updates))
            left_s = last_s + KEEP_ALIVE_S - time.monotonic()
            done, _ = await asyncio.wait({coming}, timeout=max(left_s, 0))
            if done:
                try:
                    update, coming = coming.result(), None
                except StopAsyncIteration:
                    return
                if update.waiting in ("loading", "reading"):
                    continue
            else:
                update = StreamUpdate()
            last_s = time.monotonic()
            yield update
    finally:
        if coming:
            coming.cancel()
            await asyncio.wait({coming})


async def while_here(receive: Receive, work: Awaitable[Result]) -> Result | None:
    """Return what the work returns; None where the client leaves first, which ends the work."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait({working, leaving})


def sse(objects: Iterable[Mapping[str, object]]) -> bytes:
    """Write objects as events."""
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in objects)
