"""The page's own event stream says what Gradio's says, and ends a session's events when left."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, cast

import gradio as gr
import httpx
import orjson
import pytest
from gradio.queueing import Event, Queue
from gradio.server_messages import (
    BaseMessage,
    CloseStreamMessage,
    EstimationMessage,
    HeartbeatMessage,
    LogMessage,
    ProcessCompletedMessage,
    ProcessGeneratingMessage,
    ProcessStartsMessage,
    ProgressMessage,
    ProgressUnit,
    UnexpectedErrorMessage,
)

from backend.channel import Channel
from backend.lab import Lab
from demo import event_stream
from tests.test_scheduler import until
from tests.test_transport import LONG, events, join

OF_EVERY_KIND: list[BaseMessage] = [
    CloseStreamMessage(),
    EstimationMessage(event_id="1", rank=2, queue_size=3, rank_eta=0.5),
    HeartbeatMessage(),
    LogMessage(log="新しい", level="info", title="t"),
    ProcessCompletedMessage(event_id="1", output={"data": ["竜"], "n": [1.5, None]}, success=True),
    ProcessGeneratingMessage(event_id="1", output={"data": [[["append", [], "a"]]]}, success=True),
    ProcessStartsMessage(event_id="1", eta=None),
    ProgressMessage(event_id="1", progress_data=[ProgressUnit(index=1, length=2)]),
    UnexpectedErrorMessage(message="none", session_not_found=True),
]


@pytest.fixture
def queue() -> Queue:
    """The queue of a page with one function, whose session "s" has two events."""
    with gr.Blocks() as page:
        gr.Button().click(lambda: None)
    page.queue()
    found = page._queue
    found.pending_messages_per_session["s"] = asyncio.Queue()
    found.pending_event_ids_session["s"] = {"one", "two"}
    return found


def said(chunk: bytes) -> list[dict[str, Any]]:
    """Return a chunk's messages."""
    return [json.loads(event.removeprefix(b"data: ")) for event in chunk.split(b"\n\n") if event]


def completed(event_id: str) -> ProcessCompletedMessage:
    return ProcessCompletedMessage(event_id=event_id, output={}, success=True)


def reading(queue: Queue) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", event_stream.messages(queue, "s"))


@pytest.mark.parametrize("message", OF_EVERY_KIND, ids=lambda message: type(message).__name__)
def test_a_message_travels_as_gradio_sends_it(message: BaseMessage) -> None:
    sent = f"data: {orjson.dumps(message.model_dump(), default=str).decode('utf-8')}\n\n"
    assert event_stream.wire(message) == sent.encode()


def test_it_ends_after_the_last_event_of_the_session(queue: Queue) -> None:
    async def read() -> list[list[dict[str, Any]]]:
        waiting, stream = queue.pending_messages_per_session["s"], reading(queue)
        waiting.put_nowait(ProcessStartsMessage(event_id="one"))
        waiting.put_nowait(completed("one"))
        chunks = [said(await anext(stream))]
        waiting.put_nowait(completed("stranger"))
        waiting.put_nowait(completed("two"))
        async for chunk in stream:
            chunks.append(said(chunk))
        return chunks

    first, last = asyncio.run(read())
    assert [m["msg"] for m in first] == ["process_starts", "process_completed"]
    assert [m["event_id"] for m in last] == ["stranger", "two", None]
    assert last[-1]["msg"] == "close_stream"
    assert "s" in queue.pending_messages_per_session  # it may press again


def test_it_says_something_where_there_is_nothing_to_say(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "get_heartbeat_rate", lambda: 0.01)

    async def read() -> list[dict[str, Any]]:
        async with contextlib.aclosing(reading(queue)) as stream:
            return said(await anext(stream)) + said(await anext(stream))

    assert [m["msg"] for m in asyncio.run(read())] == ["heartbeat", "heartbeat"]


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_leaving_ends_the_events(queue: Queue, how: str) -> None:
    function = next(iter(queue.blocks.fns.values()))
    event = Event("s", function, cast("Any", None), None)
    queue.active_jobs = [[event]]

    async def leave() -> None:
        stream = reading(queue)
        queue.pending_messages_per_session["s"].put_nowait(ProcessStartsMessage(event_id="one"))
        await anext(stream)
        if how == "closed":
            await stream.aclose()
            return
        waits = asyncio.create_task(cast("Coroutine[Any, Any, bytes]", anext(stream)))
        await asyncio.sleep(0.01)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits

    asyncio.run(leave())
    assert not event.alive
    assert "s" not in queue.pending_messages_per_session


def test_a_stopped_server_says_so(queue: Queue) -> None:
    async def read() -> list[dict[str, Any]]:
        queue.pending_messages_per_session["s"].put_nowait(HeartbeatMessage())
        queue.stopped = True
        return [message async for chunk in reading(queue) for message in said(chunk)]

    [message] = asyncio.run(read())
    assert message["msg"] == "unexpected_error"
    assert message["message"]


@pytest.mark.parametrize("prefix", ["", "/ja"])
def test_both_pages_have_it(
    site: str, lab: Lab, slowly: Channel[object], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx.get(f"{site}{prefix}{event_stream.PATH}", params={"session_hash": "nobody"})
    [message] = said(answer.content)  # Gradio's own answers so only after an error in its log
    assert (message["msg"], message["session_not_found"]) == ("unexpected_error", True)
    asked: list[str] = []
    wire = event_stream.wire
    monkeypatch.setattr(event_stream, "wire", lambda m: asked.append(m.msg) or wire(m))
    join(site + prefix, "both", "complete", LONG)
    stream = events(site + prefix, "both")
    stream.readline()
    assert asked  # it came by our way
    stream.close()
    assert until(lambda: lab.status().active_streams == 0)


def test_a_stream_whose_session_was_ended_by_another_says_so(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "get_heartbeat_rate", lambda: 0.01)

    async def read() -> list[dict[str, Any]]:
        old, new, found = reading(queue), reading(queue), list[dict[str, Any]]()
        await anext(old)
        found += said(await anext(new))
        await old.aclose()
        with contextlib.suppress(StopAsyncIteration):
            found += said(await anext(new))
            found += said(await anext(new))  # there is no more
        return found

    first, last = asyncio.run(read())
    assert first["msg"] == "heartbeat"
    assert last["session_not_found"] is True
