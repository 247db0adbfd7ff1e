"""Many people on one model: whose turn it is, what is refused, what ends, and all is counted."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator

import pytest

from backend.errors import LabError
from backend.lab import Lab
from backend.models import LoadedModel
from backend.over_a_set import answers
from backend.queueing import Limits
from backend.rows import Ticket
from backend.settings import Settings
from backend.types import SamplingParams, StreamUpdate
from tests.test_scheduler import LONG, PROMPT, endless, until

pytestmark = pytest.mark.slow

SHORT = SamplingParams(max_new_tokens=4)
Make = Callable[..., Lab]
MANY = Limits(running=50, waiting=50, rows=100)


@pytest.fixture
def make() -> Iterator[Make]:
    """Make labs that are closed when the test ends."""
    with contextlib.ExitStack() as stack:

        def lab(limits: Limits = Limits(), max_streams: int = 32) -> Lab:
            made = Lab(Settings(threads=1, max_streams=max_streams), limits=limits)
            stack.callback(made.close)
            made.engine.model()
            return made

        yield lab


def outcomes(lab: Lab) -> dict[str, float]:
    """Return how many requests ended how."""
    found: dict[str, float] = {}
    for metric in lab.metrics.registry.collect():
        for sample in metric.samples:
            if sample.name == "llmlab_requests_total":
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + sample.value
    return found


def begun(lab: Lab, person: str, order: list[str]) -> threading.Thread:
    """Start a request that writes its person down when it has ended."""

    def run() -> None:
        lab.generate(PROMPT, SHORT, person=person)
        order.append(person)

    thread = threading.Thread(target=run)
    before = lab.status().queue_depth
    thread.start()
    assert until(lambda: lab.status().queue_depth == before + 1)
    return thread


def test_who_sends_fifty_does_not_stand_before_anothers_one(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, order = make(MANY, max_streams=1), list[str]()
    running, line = endless(lab), lab.engine.scheduler.line
    begin = line.begin

    def noted(ticket: Ticket, *, now_s: float) -> None:  # here, as threads wake in any order
        order.append(ticket.request.person)
        begin(ticket, now_s=now_s)

    monkeypatch.setattr(line, "begin", noted)
    threads = [begun(lab, "fifty", []) for _ in range(50)]
    threads.append(begun(lab, "one", []))
    running.close()  # type: ignore[attr-defined]
    for thread in threads:
        thread.join(60)
    assert order.index("one") == 1  # after one of theirs
    assert outcomes(lab) == {"cancelled": 1, "ok": 51}


def test_a_persons_limits_hold_and_nobody_else_is_touched(make: Make) -> None:
    lab = make()
    two = [endless(lab, person="a") for _ in range(2)]
    order: list[str] = []
    waiting = [begun(lab, "a", order) for _ in range(2)]
    assert lab.status().active_streams == 2
    with pytest.raises(LabError) as caught:
        lab.generate(PROMPT, SHORT, person="a")
    assert caught.value.code == "person_busy"
    assert caught.value.values["status"] == 429
    assert isinstance(caught.value.values["retry_after_s"], int)
    assert lab.generate(PROMPT, SHORT, person="b")
    assert order == []
    for stream in two:
        stream.close()  # type: ignore[attr-defined]
    for thread in waiting:
        thread.join(20)
    assert order == ["a", "a"]
    assert until(lambda: outcomes(lab) == {"cancelled": 2, "rejected": 1, "ok": 3})


def test_rows_are_limited_alone_and_together(make: Make) -> None:
    lab = make()

    def rows(n: int, new: int) -> SamplingParams:
        return SamplingParams(do_sample=True, num_return_sequences=n, max_new_tokens=new, seed=1)

    with pytest.raises(LabError) as caught:
        lab.generate(PROMPT, rows(17, 4), person="a")
    assert (caught.value.code, caught.value.values["allowed"]) == ("too_many_rows", "1 to 16")
    assert len(lab.generate(PROMPT, rows(17, 4))) == 17  # a local caller has no such limit
    stream = lab.stream(PROMPT, rows(12, 400), person="a")
    next(stream)
    with pytest.raises(LabError) as caught:
        lab.generate(PROMPT, rows(5, 4), person="a")
    assert caught.value.code == "person_rows"
    assert len(lab.generate(PROMPT, rows(4, 4), person="a")) == 4
    stream.close()  # type: ignore[attr-defined]


def test_who_waits_past_the_deadline_is_told_and_counted(make: Make) -> None:
    lab = make(max_streams=1)
    running = endless(lab)
    lab.engine.set_limits(Limits(deadline_s=0.1), 1)  # not for the one that runs
    with pytest.raises(LabError) as caught:
        lab.generate(PROMPT, SHORT, person="a")
    assert caught.value.code == "waited_too_long"
    running.close()  # type: ignore[attr-defined]
    assert until(lambda: outcomes(lab) == {"cancelled": 1, "timeout": 1})


async def first(updates: AsyncGenerator[StreamUpdate, None], waiting: str) -> StreamUpdate:
    """Read up to the first update that waits so, then leave."""
    async with contextlib.aclosing(updates):
        async for update in updates:
            if update.waiting == waiting:
                return update
    raise AssertionError(f"it never waited: {waiting}")


def test_a_waiting_stream_says_its_place_and_leaves_with_its_reader(make: Make) -> None:
    lab = make(max_streams=2)
    lab.generate(PROMPT, SHORT)  # so that there is a rate
    running = [endless(lab), endless(lab, person="a")]
    update = asyncio.run(first(lab.aupdates(PROMPT, LONG, person="b"), "queued"))
    assert update.queue_position == 0
    assert update.expected_wait_s is not None
    assert until(lambda: lab.status().queue_depth == 0)
    for stream in running:
        stream.close()  # type: ignore[attr-defined]
    assert until(lambda: outcomes(lab) == {"ok": 1, "cancelled": 3})


def test_a_third_of_ones_own_waits_for_ones_own(make: Make) -> None:
    lab = make()
    running = [endless(lab, person="a") for _ in range(2)]
    assert asyncio.run(first(lab.aupdates(PROMPT, LONG, person="a"), "own"))
    for stream in running:
        stream.close()  # type: ignore[attr-defined]


def test_a_set_takes_turns_beside_what_is_pressed_meanwhile(make: Make) -> None:
    """Twenty items in two sets at once and a single run: nothing is refused, all are answered."""
    lab = make()
    most = 0

    async def one_set() -> int:
        nonlocal most
        found = 0
        async for one in answers(lab, [PROMPT] * 10, SHORT, person="a"):
            most = max(most, lab.status().active_streams + lab.status().queue_depth)
            found += one is not None
        return found

    async def pressed() -> int:
        return len([s async for s in lab.astream(PROMPT, SHORT, person="a")])

    async def all_of_it() -> list[int]:
        return list(await asyncio.gather(one_set(), one_set(), pressed()))

    assert asyncio.run(all_of_it())[:2] == [10, 10]
    assert most <= 3  # two of the sets, and what was pressed
    assert outcomes(lab) == {"ok": 21}


def test_a_set_left_by_its_reader_frees_everything(make: Make) -> None:
    lab = make()

    async def leave() -> None:
        async with contextlib.aclosing(answers(lab, [PROMPT] * 9, LONG, person="a")) as running:
            async for _ in running:
                return

    asyncio.run(leave())
    assert until(lambda: lab.status().active_streams + lab.status().queue_depth == 0)


def test_jobs_wait_for_their_turn_within_a_persons_limits(make: Make) -> None:
    lab, go = make(), threading.Event()
    started: list[str] = []

    def job(name: str) -> Callable[[LoadedModel], Iterator[object]]:
        def turns(loaded: LoadedModel) -> Iterator[object]:
            started.append(name)
            while not go.is_set():
                yield None
            yield name

        return turns

    scheduler, loaded = lab.engine.scheduler, lab.engine.model()
    mine = [scheduler.run(loaded, job(f"a{n}"), person="a") for n in range(4)]
    with pytest.raises(LabError) as caught:
        scheduler.run(loaded, job("a4"), person="a")
    assert caught.value.code == "person_busy"
    theirs = scheduler.run(loaded, job("b0"), person="b")
    assert until(lambda: len(started) == 3)
    assert sorted(started) == ["a0", "a1", "b0"]
    mine[2].close()  # leaving while waiting frees the place
    assert until(lambda: len(scheduler.job_line.waiting) == 1)
    go.set()
    assert until(lambda: all(c.finished for c in (mine[0], mine[1], mine[3], theirs)))
    assert sorted(started) == ["a0", "a1", "a3", "b0"]


def test_jobs_take_one_turn_between_two_steps_however_many(make: Make) -> None:
    lab, turns = make(), list[int]()

    def job(loaded: LoadedModel) -> Iterator[object]:
        while True:
            turns.append(lab.engine.scheduler.steps_total)
            yield None

    readers = [lab.engine.scheduler.run(lab.engine.model(), job) for _ in range(6)]
    stream = endless(lab)
    assert until(lambda: lab.status().steps_total > 30)
    assert [step for step in turns if 0 < step <= 30] == [*range(1, 31)]
    for reader in readers:
        reader.close()
    stream.close()  # type: ignore[attr-defined]


def test_a_job_that_fails_to_close_harms_nobody(make: Make) -> None:
    lab, failed = make(), threading.Event()

    def job(loaded: LoadedModel) -> Iterator[object]:
        try:
            while True:
                yield 1
        finally:
            failed.set()
            raise RuntimeError("cannot even close")

    with contextlib.closing(endless(lab, person="b")) as stream:  # type: ignore[type-var]
        results = lab.run(job, person="a")
        next(results)
        results.close()  # type: ignore[attr-defined]
        assert failed.wait(10)
        assert len([step for step, _ in zip(stream, range(20))]) == 20
    assert lab.status().restarts_total == 0
