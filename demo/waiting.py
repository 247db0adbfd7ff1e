"""What the page says while a run waits."""

import math

from backend.types import StreamUpdate
from demo.words import Words


def waiting_text(update: StreamUpdate, words: Words) -> str:
    """Say what it waits for, how many are before it, and about how long, once that is known."""
    key = f"waiting.{update.waiting}"
    if update.expected_wait_s is None:
        return words(key, n=update.queue_position)
    seconds = calm(update.expected_wait_s)
    return words(f"{key}_s", n=update.queue_position, seconds=seconds)


def calm(seconds: float) -> int:
    """Round up, from 10 s on to whole fives, so that the number does not flicker."""
    step = 1 if seconds <= 10 else 5
    return max(1, math.ceil(seconds / step) * step)
