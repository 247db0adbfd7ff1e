"""What the benchmarks' learners measure is what they say."""

import asyncio
from unittest.mock import AsyncMock

import pytest

from benchmarks import learners


def test_streams_that_failed_are_not_called_running(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(client: object, index: int, data: list[object]) -> learners.Heard:
        if data[0] == learners.STORY:
            raise RuntimeError("refused")
        return learners.Heard(began_s=0.0)

    monkeypatch.setattr(learners, "run", run)
    monkeypatch.setattr(learners, "learner", AsyncMock())
    monkeypatch.setattr(learners, "functions", AsyncMock(return_value={"complete": 0}))
    monkeypatch.setattr(learners.asyncio, "sleep", lambda s, wait=asyncio.sleep: wait(0))
    assert len(learners.firsts("", running=0, times=2)) == 2
    with pytest.raises(RuntimeError, match="refused"):
        learners.firsts("", running=2, times=2)
