"""Rows join, leave, pause and are cancelled; jobs run beside them; the thread stays alive."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from backend.errors import LabError
from backend.forward import Forward
from backend.lab import Lab
from backend.models import LoadedModel
from backend.settings import Settings
from backend.types import Generation, Request, SamplingParams

PROMPT = "Tell me a story about a dragon."
LONG = SamplingParams(do_sample=True, temperature=100, seed=1, max_new_tokens=500)


@pytest.fixture
def small_lab() -> Iterator[Lab]:
    """Room for two rows, one waiting request, and a limit on the KV cache."""
    lab = Lab(Settings(threads=1, max_streams=2, max_queue=1))
    lab.engine.model()
    yield lab
    lab.close()


def until(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Poll for a state of another thread; the limit is for a broken build, not a timing claim."""
    end = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.002)
    return holds()


def endless(lab: Lab, **fields: object) -> Iterator:
    """Start a stream that has at least one step behind it."""
    stream = lab.stream(PROMPT, LONG, **fields)
    next(stream)
    return stream


def test_closing_a_stream_frees_its_row_within_two_steps(lab: Lab) -> None:
    other = endless(lab)
    stream = endless(lab)
    assert lab.status().active_streams == 2
    [_, ticket] = lab.engine.scheduler._running
    stream.close()  # type: ignore[attr-defined]
    before = len(ticket.step_times_s)
    assert until(lambda: lab.status().active_streams == 1)
    assert len(ticket.step_times_s) - before <= 2  # of its own: the other one goes on
    other.close()  # type: ignore[attr-defined]
    assert until(lambda: lab.status().active_streams == 0)


def test_leaving_while_queued_frees_the_place(small_lab: Lab) -> None:
    running = [endless(small_lab), endless(small_lab)]

    async def wait_in_line() -> None:
        updates = small_lab.aupdates(PROMPT, LONG)
        async for update in updates:
            assert update.waiting == "queued"
            assert update.queue_position == 0
            assert small_lab.status().queue_depth == 1
            break
        await updates.aclose()

    asyncio.run(wait_in_line())
    assert until(lambda: small_lab.status().queue_depth == 0)
    for stream in running:
        stream.close()  # type: ignore[attr-defined]


def test_a_full_queue_refuses_and_the_next_request_works(small_lab: Lab) -> None:
    running = [endless(small_lab), endless(small_lab)]
    results: list[object] = []
    waiting = threading.Thread(
        target=lambda: results.append(small_lab.generate(PROMPT, SamplingParams(max_new_tokens=3)))
    )
    waiting.start()
    assert until(lambda: small_lab.status().queue_depth == 1)
    with pytest.raises(LabError) as caught:
        small_lab.generate(PROMPT)
    assert caught.value.code == "busy"
    for stream in running:
        stream.close()  # type: ignore[attr-defined]
    waiting.join(10)
    assert len(results) == 1
    assert small_lab.generate(PROMPT, SamplingParams(max_new_tokens=2))


@pytest.mark.slow
def test_a_reader_that_stops_reading_pauses_only_itself(lab: Lab) -> None:
    params = SamplingParams(do_sample=True, seed=3, max_new_tokens=400, temperature=100)
    [alone] = lab.generate(PROMPT, params)
    stream = lab.stream(PROMPT, params)
    first = next(stream)
    others = lab.generate(PROMPT, SamplingParams(max_new_tokens=40))
    assert others[0].steps
    assert until(lambda: lab.status().active_rows == 0 or _stalled(lab))
    assert lab.status().active_streams == (1 if len(alone.steps) > 130 else 0)
    steps = [first, *stream]
    assert [s.token_id for s in steps] == [s.token_id for s in alone.steps]


def _stalled(lab: Lab) -> bool:
    before = lab.status().steps_total
    time.sleep(0.1)
    return lab.status().steps_total == before


def test_a_job_runs_beside_the_rows_and_ends(lab: Lab) -> None:
    def count(loaded: LoadedModel) -> Iterator[int]:
        assert threading.current_thread().name == "model"
        yield from range(20)

    stream = endless(lab)
    assert list(lab.run(count)) == list(range(20))
    assert lab.status().active_streams == 1
    stream.close()  # type: ignore[attr-defined]


def test_leaving_a_job_closes_its_generator(lab: Lab) -> None:
    closed = threading.Event()

    def forever(loaded: LoadedModel) -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    results = lab.run(forever)
    assert next(results) == 1
    results.close()  # type: ignore[attr-defined]
    assert closed.wait(5)


def test_a_failing_job_fails_alone(lab: Lab) -> None:
    def fails(loaded: LoadedModel) -> Iterator[int]:
        yield 1
        raise KeyError("in the job")

    results = lab.run(fails)
    assert next(results) == 1
    with pytest.raises(KeyError, match="in the job"):
        next(results)
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=2))


def test_a_failing_forward_is_told_and_the_thread_lives(
    small_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Forward, "_logits", _broken)
        with pytest.raises(RuntimeError, match="the device is gone"):
            small_lab.generate(PROMPT, SamplingParams(max_new_tokens=5))
    assert len(small_lab.generate(PROMPT, SamplingParams(max_new_tokens=5))[0].steps) <= 5
    assert small_lab.status().active_rows == 0


def _broken(*args: object, **kwargs: object) -> None:
    raise RuntimeError("the device is gone")


def test_more_kv_than_there_is_is_refused_before_it_waits() -> None:
    lab = Lab(Settings(threads=1, kv_cache_bytes=1_000_000))
    try:
        with pytest.raises(LabError) as caught:
            lab.generate(PROMPT, SamplingParams(max_new_tokens=500))
        assert caught.value.code == "kv_cache_exceeded"
    finally:
        lab.close()


def test_a_limit_that_falls_keeps_nobody_in_line(small_lab: Lab) -> None:
    """Before the deadline of two minutes, that is; alone it runs, as when it was let in."""
    running, results = [endless(small_lab), endless(small_lab)], list[Generation]()
    two = SamplingParams(do_sample=True, num_return_sequences=2, max_new_tokens=3)
    waiting = threading.Thread(target=lambda: results.extend(small_lab.generate(PROMPT, two)))
    waiting.start()
    assert until(lambda: small_lab.status().queue_depth == 1)
    small_lab.engine.set_limits(small_lab.limits, 1)  # the teacher's; a load lowers the KV cache's
    small_lab.engine.scheduler.kv_cache_bytes = 1  # type: ignore[attr-defined]
    for stream in running:
        stream.close()  # type: ignore[attr-defined]
    waiting.join(20)
    assert len(results) == 2


def test_memory_is_given_back_when_nobody_runs(lab: Lab) -> None:
    lab.generate(PROMPT, SamplingParams(max_new_tokens=3))
    assert until(lambda: sum(lab.status().kv_cache_bytes.values()) == 0)


def test_the_heartbeat_goes_on_while_idle(lab: Lab) -> None:
    before = lab.status().last_beat
    assert until(lambda: lab.status().last_beat > before)
    assert lab.ready() == (True, "ready")


@pytest.mark.slow
def test_close_ends_what_runs() -> None:
    lab = Lab(Settings(threads=1))
    stream = endless(lab)
    began = time.monotonic()
    lab.close()
    with pytest.raises(LabError, match="closing"):
        for _ in stream:
            pass
    assert time.monotonic() - began < 5
    with pytest.raises(LabError, match="closing"):  # nobody would ever answer
        lab.generate("Hello.", SamplingParams(max_new_tokens=1))
    with pytest.raises(LabError, match="closing"):
        list(lab.run(lambda loaded: iter([1])))


@pytest.mark.slow
def test_close_closes_jobs_also_one_that_fails_at_it() -> None:
    lab, freed = Lab(Settings(threads=1)), threading.Event()

    def spoilt(loaded: LoadedModel) -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            raise RuntimeError("cannot even close")

    def holding(loaded: LoadedModel) -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            freed.set()

    readers = [lab.run(job) for job in (spoilt, holding)]
    for results in readers:
        next(results)
    lab.close()
    assert freed.is_set()
    for results in readers:
        with pytest.raises(LabError, match="closing"):
            for _ in results:
                pass


def test_a_reader_that_raises_is_its_own_misfortune(lab: Lab) -> None:
    """Of a request at its end, and of a job at its first result; who runs beside them goes on."""

    listens = threading.Event()

    def gone() -> None:
        raise ConnectionResetError

    def working(loaded: LoadedModel) -> Iterator[int | None]:
        while not listens.is_set():
            yield None
        yield 1

    lab.engine.model()
    before, stream = lab.status().restarts_total, endless(lab)
    next(stream)
    pending = lab.engine.pending(Request(PROMPT, SamplingParams(max_new_tokens=4)), update_s=60.0)
    pending.channel.listen(gone)
    pending.submit(False)
    job = lab.engine.scheduler.run(lab.engine.model(), working)
    job.listen(gone)
    listens.set()
    assert until(lambda: pending.channel.finished and job.finished)
    assert isinstance(job.error, ConnectionResetError)
    next(stream)
    assert lab.status().restarts_total == before
    stream.close()  # type: ignore[attr-defined]


def test_who_moves_up_is_always_seen(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever ends all, or asks which models are in use: in line, or running, or both."""
    lab.engine.model()
    scheduler, seen = lab.engine.scheduler, list[int]()
    for line in (scheduler.line, scheduler.job_line):

        def begun(item: object, *, now_s: float, begin=line.begin) -> None:  # type: ignore[no-untyped-def]
            begin(item, now_s=now_s)
            seen.append(len(scheduler.in_use))

        monkeypatch.setattr(line, "begin", begun)
    lab.generate(PROMPT, SamplingParams(max_new_tokens=1))
    list(lab.run(lambda loaded: iter([1])))
    assert seen == [1, 1]
