"""A page's event stream: what Gradio's queue has to say to one session, as soon as it says it.

The wire is Gradio's own (sse_v3, `queue_data` in gradio/routes.py). Gradio's stream asks before
each message whether the reader is still there, in a cancelled scope, and waits in a task made for
it: for a class of 32 a fifth of what the event loop did. Starlette cancels a stream whose reader
leaves, so that this one waits for messages and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator

import gradio as gr
import orjson
from fastapi import FastAPI
from gradio.queueing import Queue
from gradio.server_messages import (
    BaseMessage,
    CloseStreamMessage,
    HeartbeatMessage,
    ProcessCompletedMessage,
    UnexpectedErrorMessage,
)
from gradio.utils import get_heartbeat_rate
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse

PATH = "/gradio_api/queue/data"


def add_event_stream(app: FastAPI, page: gr.Blocks, prefix: str) -> None:
    """Answer for a page mounted at `prefix`, "" or as "/ja"; must come before the mount."""

    async def queue_data(request: Request) -> StreamingResponse:
        session = request.query_params.get("session_hash", "")
        return StreamingResponse(messages(page._queue, session), media_type="text/event-stream")

    app.router.add_route(prefix + PATH, queue_data)


async def messages(queue: Queue, session: str) -> AsyncIterator[bytes]:
    """Yield a session's messages until its last event has ended; closing it ends its events."""
    waiting = queue.pending_messages_per_session.get(session)
    if waiting is None:
        yield wire(UnexpectedErrorMessage(message="", session_not_found=True))
        return

    def is_current() -> bool:
        return queue.pending_messages_per_session.get(session) is waiting

    left = True
    try:
        while True:
            try:
                async with asyncio.timeout(get_heartbeat_rate()):
                    said: list[BaseMessage] = [await waiting.get()]
            except TimeoutError:
                said = [HeartbeatMessage()]
            while not waiting.empty():
                said.append(waiting.get_nowait())
            if not is_current():
                # another stream of the session was left, and its events were ended with it
                yield wire(UnexpectedErrorMessage(message="", session_not_found=True))
                return
            if queue.stopped:
                said = [UnexpectedErrorMessage(message="Server stopped unexpectedly.")]
            ended = queue.stopped or any([is_last(queue, session, message) for message in said])
            if ended and not queue.stopped:
                said.append(CloseStreamMessage())
            yield b"".join(map(wire, said))
            if ended:
                left = False
                return
    finally:
        if left and is_current():
            queue.pending_messages_per_session.pop(session)
            await queue.clean_events(session_hash=session)


def is_last(queue: Queue, session: str, message: BaseMessage) -> bool:
    """Note which event a message ends; true where the session then has none left."""
    pending = queue.pending_event_ids_session.get(session, set())
    if not isinstance(message, ProcessCompletedMessage) or message.event_id not in pending:
        return False
    pending.remove(message.event_id)
    return not pending


def wire(message: BaseMessage) -> bytes:
    """Return a message as a server-sent event."""
    return b"data: %b\n\n" % orjson.dumps(vars(message), default=plain)


def plain(value: object) -> object:
    """Return what orjson can write: a model's fields, else how it prints, as Gradio has it."""
    return value.model_dump() if isinstance(value, BaseModel) else str(value)
