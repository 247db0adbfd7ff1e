"""Cells: one run for all who ask for the same, none for those who have left, no kept refusal."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from backend.cells import Cells
from backend.errors import LabError


def counted(log: list[str], gate: asyncio.Event | None = None) -> Callable[[], Awaitable[str]]:
    async def run() -> str:
        log.append("begun")
        try:
            if gate:
                await gate.wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        return f"value {len(log)}"

    return run


def test_forty_who_ask_together_and_one_later_cost_one_run() -> None:
    async def main() -> None:
        cells, log, gate = Cells[str](), list[str](), asyncio.Event()
        asked = [asyncio.create_task(cells.get("k", counted(log, gate))) for _ in range(40)]
        await asyncio.sleep(0)
        gate.set()
        assert set(await asyncio.gather(*asked)) == {"value 1"}
        assert await cells.get("k", counted(log)) == "value 1"
        assert await cells.get("other", counted(log)) == "value 2"
        assert log == ["begun", "begun"]
        assert cells.runs == 2

    asyncio.run(main())


def test_the_first_may_leave_and_the_run_goes_on_for_the_others() -> None:
    async def main() -> None:
        cells, log, gate = Cells[str](), list[str](), asyncio.Event()
        first = asyncio.create_task(cells.get("k", counted(log, gate)))
        await asyncio.sleep(0)
        second = asyncio.create_task(cells.get("k", counted(log, gate)))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await second == "value 1"
        assert log == ["begun"]

    asyncio.run(main())


def test_a_run_nobody_waits_for_is_cancelled_and_may_be_asked_for_again() -> None:
    async def main() -> None:
        cells, log = Cells[str](), list[str]()
        asked = [asyncio.create_task(cells.get("k", counted(log, asyncio.Event()))) for _ in "ab"]
        await asyncio.sleep(0)
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
        await asyncio.sleep(0)
        assert log == ["begun", "cancelled"]
        assert not cells.known("k")
        assert await cells.get("k", counted(log)) == "value 3"

    asyncio.run(main())


def test_a_refusal_is_the_askers_own_and_is_not_kept() -> None:
    async def main() -> None:
        cells, gate = Cells[str](), asyncio.Event()

        async def refused() -> str:
            await gate.wait()
            raise LabError("busy", "too many")

        first = asyncio.create_task(cells.get("k", refused))
        await asyncio.sleep(0)
        second = asyncio.create_task(cells.get("k", counted([])))
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises(LabError):
            await first
        assert await second == "value 1"

    asyncio.run(main())


def test_the_least_recently_asked_for_goes() -> None:
    async def main() -> None:
        cells, log = Cells[str](most=2), list[str]()
        for key in ("a", "b", "a", "c"):
            await cells.get(key, counted(log))
        assert cells.known("a")
        assert not cells.known("b")
        assert cells.runs == 3
        await cells.get("d", counted(log), weight=2)
        assert cells.known("d")
        assert not cells.known("c")
        await cells.get("large", counted(log), weight=3)  # given, but not kept
        assert not cells.known("large")

    asyncio.run(main())
