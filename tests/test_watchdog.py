"""What the watchdog makes of a silent thread, and which turns are announced to it."""

import threading
from collections.abc import Sequence

import pytest
import torch

from backend.errors import LabError
from backend.forward import Forward, Part
from backend.lab import Lab
from backend.types import SamplingParams
from backend.watchdog import Watchdog

BEAT_S = 1000.0


class Silent:
    """A thread that lives and does not beat."""

    def __init__(self) -> None:
        self.thread, self.last_beat = threading.current_thread(), BEAT_S
        self.announced = "a job"
        self.told: list[str] = []

    def revive(self, error: LabError) -> None:
        raise AssertionError("it lives")

    def give_up(self, error: LabError) -> None:
        self.told.append(error.code)


def test_whoever_comes_while_it_is_silent_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    silent = Silent()
    watchdog = Watchdog(silent, every_s=3600)
    watchdog.look(BEAT_S + 599)
    assert not silent.told
    watchdog.look(BEAT_S + 601)
    assert silent.told == ["engine_stopped"]
    assert not silent.announced  # it has had its time: /readyz excuses it no longer
    watchdog.look(BEAT_S + 602)
    assert silent.told == ["engine_stopped"] * 2
    assert len(caplog.records) == 1
    watchdog.close()


def test_a_turn_that_reads_a_prompt_is_announced(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, a large model takes longer for one than the watchdog lets a turn be silent."""
    lab.engine.model()
    scheduler, turns = lab.engine.scheduler, list[tuple[bool, bool]]()
    forward = Forward.__call__

    def seen(self: Forward, parts: Sequence[Part], running: int) -> tuple[torch.Tensor, dict]:
        turns.append((any(part.ticket for part in parts), bool(scheduler.announced)))
        return forward(self, parts, running)

    monkeypatch.setattr(Forward, "__call__", seen)
    lab.generate("Tell me a story about a dragon.", SamplingParams(max_new_tokens=4))
    assert turns[0] == (True, True)
    assert set(turns[1:]) == {(False, False)}
    assert not scheduler.announced


def test_who_slept_too_waits_for_a_beat_first(caplog: pytest.LogCaptureFixture) -> None:
    """A laptop's lid, a stopped process: the clock went on, and neither thread did."""
    silent = Silent()
    silent.announced = ""
    watchdog = Watchdog(silent, every_s=3600)
    for now_s in (BEAT_S, BEAT_S + 1, BEAT_S + 5000):
        watchdog.wake(now_s)
    assert not silent.told
    assert not caplog.records
    watchdog.wake(BEAT_S + 5001)  # awake for a second, and no beat
    assert silent.told == ["engine_stopped"]
    watchdog.close()
