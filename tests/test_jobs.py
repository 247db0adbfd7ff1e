"""A job read on the event loop: how often it is heard of, and its end with its reader."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from backend.lab import PAGE_UPDATE_S, Lab
from demo.jobs import turns
from tests.test_scheduler import until

STEPS = 100


def test_a_fast_job_is_heard_of_ten_times_a_second_and_loses_nothing(lab: Lab) -> None:
    def steps(_: object) -> Iterator[int]:
        for step in range(STEPS):
            time.sleep(0.003)
            yield step

    async def read() -> tuple[list[list[object]], float]:
        began = asyncio.get_running_loop().time()
        heard = [items async for items in turns(lab, steps, person="") if items]
        return heard, asyncio.get_running_loop().time() - began

    with ThreadPoolExecutor(1) as thread:
        heard, seconds = thread.submit(asyncio.run, read()).result()
    assert [step for items in heard for step in items] == list(range(STEPS))
    assert 2 < len(heard) <= 2 + seconds / PAGE_UPDATE_S  # the first at once, and the end


def test_leaving_a_job_ends_it(lab: Lab) -> None:
    left: list[str] = []

    def forever(_: object) -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            left.append("closed")

    async def leave() -> None:
        running = turns(lab, forever, person="")
        async with contextlib.aclosing(running):
            async for _ in running:
                break

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, leave()).result()
    assert until(lambda: left == ["closed"])
