"""What those who run feel when a prompt of 900 tokens joins: longest gap / median gap.

    python -m benchmarks.joining            # writes benchmarks/results/joining.json and .md

Gaps are between the steps of a running stream, on the model thread's clock. The median is of those
before the prompt comes, the longest of those until two steps after its own first token. The other
arm is the same without the prompt, over as many steps: what the machine itself does to a gap.
"""

import itertools
import statistics
import threading
import time
from collections.abc import Iterator

from backend.engine import drain
from backend.local import LocalEngine
from backend.rows import Ticket
from backend.types import Request, SamplingParams
from benchmarks.arms import PAIRS, folders, lab_on, options, rounds
from benchmarks.report import Row, machine, row, write

PROMPT = "Tell me a story about a dragon."
RUNNING, LONG = 16, 900
BEFORE, UNTIL = 40, 2  # steps before the prompt comes, and after its first token


def started(engine: LocalEngine, request: Request) -> Ticket:
    """Submit a request that a thread of its own reads to its end."""
    ticket = engine.ticket(request, update_s=60.0)
    reading = drain(ticket.channel, lambda: engine.submit(ticket))
    threading.Thread(target=lambda: list(reading), daemon=True).start()
    return ticket


def until_step(ticket: Ticket, step: int) -> None:
    """Wait until a request has made its `step`-th step, from 1."""
    while len(ticket.step_times_s) < step:
        if ticket.channel.finished:
            raise RuntimeError("a stream ended before the measurement did")
        time.sleep(0.005)


class Crowd:
    """Streams that run, and what a newcomer does to them."""

    def __init__(self, engine: LocalEngine, running: int, before: int) -> None:
        self.engine, self.running, self.before = engine, running, before
        ids = engine.model().encode(PROMPT)
        self.long = tuple(itertools.islice(itertools.cycle(ids[1:]), LONG - len(ids)))
        self.steps = 0  # how many the last newcomer's prompt took
        self.medians_s: list[float] = []

    def _requests(self) -> Iterator[Request]:
        for seed in range(self.running):  # so hot that the end token is never likely
            yield Request(
                PROMPT,
                SamplingParams(do_sample=True, temperature=100, seed=seed, max_new_tokens=500),
            )

    def measure(self, *, joins: bool) -> float:
        """Return the longest gap / the median gap before."""
        tickets = [started(self.engine, request) for request in self._requests()]
        try:
            watched = tickets[-1]  # the last that came
            until_step(watched, self.before)
            begun = len(watched.step_times_s)
            if joins:
                params = SamplingParams(max_new_tokens=UNTIL + 20)
                newcomer = started(self.engine, Request(PROMPT, params, prefix_ids=self.long))
                tickets.append(newcomer)
                until_step(newcomer, UNTIL)
                self.steps = len(watched.step_times_s) - begun
            else:
                until_step(watched, begun + self.steps)
            times_s = tuple(watched.step_times_s)
        finally:
            for ticket in tickets:
                ticket.channel.close()
            while self.engine.snapshot().active_streams:
                time.sleep(0.005)
        gaps_s = [b - a for a, b in itertools.pairwise(times_s)]
        median_s = statistics.median(gaps_s[: begun - 1])
        self.medians_s.append(median_s)
        return max(gaps_s[begun - 1 :]) / median_s


def measure(name: str, folder: str, pairs: int, before: int) -> tuple[list[Row], Row]:
    """Return the claim on one model and what was found besides."""
    with lab_on(folder) as lab:
        crowd = Crowd(lab.engine, RUNNING, before)
        crowd.measure(joins=True)  # so that the arm without knows how many steps
        crowd.medians_s.clear()
        found = rounds(
            {
                "joins": lambda: crowd.measure(joins=True),
                "alone": lambda: crowd.measure(joins=False),
            },
            pairs,
        )
    claims = [
        row(
            f"{name}: longest / median gap of {RUNNING} streams when {LONG} tokens join",
            found["joins"],
            baseline=crowd.medians_s,
            at_most=3,
        ),
        row(f"{name}: the same when nothing joins", found["alone"], baseline=crowd.medians_s),
    ]
    return claims, {
        f"{name}_median_gap_ms": round(1000 * statistics.median(crowd.medians_s), 1),
        f"{name}_steps_until_it_speaks": crowd.steps,
    }


def main() -> None:
    """Measure, print and write the results."""
    quick, where = options().quick, machine()
    claims, figures = list[Row](), Row()
    with folders() as found:
        for name, folder in found.items():
            rows, besides = measure(name, folder, *((2, 10) if quick else (2 * PAIRS, BEFORE)))
            claims += rows
            figures |= besides
    write("joining", figures | where, claims, keep=not quick)


if __name__ == "__main__":
    main()
