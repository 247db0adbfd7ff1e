"""What a request's channel becomes: updates of a page on an event loop, a whole row at its end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from backend.channel import Channel
from backend.queueing import Place
from backend.types import FinishReason, Generation, StreamUpdate, TokenStep

WAITING_UPDATE_S = 1.0
FIRST_WAITING_S = 0.25  # so soon a page says where a request stands in line
PATIENT_S = 0.2  # how often a patient request asks for its turn


async def updates(
    channel: Channel[TokenStep], submit: Callable[[], bool], place: Callable[[], Place | None]
) -> AsyncGenerator[StreamUpdate, None]:
    """Submit, as often as it takes, and yield to the end; closing it closes the channel.

    Up to its first token it yields at least once a second, so that leaving is seen.
    """
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens
            loop.call_soon_threadsafe(changed.set)

    try:
        channel.listen(wake)
        while not submit():
            yield StreamUpdate(waiting="own")
            await asyncio.sleep(PATIENT_S)
        timeout_s, begun = FIRST_WAITING_S, False
        while True:
            finished = channel.finished  # read before the items: none can come after it
            if items := channel.take():
                begun = True
                yield StreamUpdate(steps=tuple(items))
            if finished:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):  # wait_for makes a task each time
                    await changed.wait()
            silent = not changed.is_set()
            changed.clear()
            timeout_s = WAITING_UPDATE_S
            if (waits := place()) and not channel.finished:
                yield StreamUpdate(
                    waiting="own" if waits.own else "queued",
                    queue_position=waits.ahead,
                    expected_wait_s=waits.wait_s,
                )
            elif silent and not begun:
                yield StreamUpdate(waiting="reading")
        if channel.error:
            raise channel.error
    finally:
        channel.close()


def generation(steps: Sequence[TokenStep], prompt_tokens: int) -> Generation:
    """Join one row's steps; a row whose request was closed early is "cancelled"."""
    reason: FinishReason = (steps[-1].finish_reason if steps else None) or "cancelled"
    return Generation(
        text="".join(step.text for step in steps),
        steps=tuple(steps),
        finish_reason=reason,
        prompt_tokens=prompt_tokens,
    )
