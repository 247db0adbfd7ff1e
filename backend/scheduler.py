"""The model thread: admit, one batched step of the rows, one turn of each job, again.

Nothing else touches a model. A request waits in line (backend.queueing) until its rows and KV
bytes fit; leaving is seen within two steps while running, at the next turn (at most half a second)
while waiting. Jobs have a line of their own.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from backend.batch import Batch, Ticket
from backend.channel import Channel
from backend.errors import LabError
from backend.jobs import MOST_JOBS, Job, RunningJob
from backend.ledger import Peaks
from backend.models import LoadedModel, use_threads
from backend.queueing import Limits, Line, closing
from backend.row_faults import as_told, give_back, is_oom
from backend.types import Outcome, RequestStats
from backend.watchdog import Watchdog

log = logging.getLogger(__name__)

IDLE_TURN_S = 0.5


class Scheduler:
    """One thread that owns every batch and job."""

    def __init__(
        self,
        *,
        max_streams: int,
        kv_cache_bytes: int,
        on_end: Callable[[RequestStats], None],
        limits: Limits,
        max_queue: int,
    ) -> None:
        self.max_streams, self.kv_cache_bytes = max_streams, kv_cache_bytes
        self._on_end = on_end
        self.line: Line[Ticket] = Line(limits, most=max_queue)
        self.job_line: Line[RunningJob] = Line(limits, most=max_queue)
        self._running: list[Ticket] = []
        self._batches: dict[int, Batch] = {}  # by identity of the loaded model
        self._jobs: deque[RunningJob] = deque()  # begun, the next to have a turn first
        self._poke = threading.Event()
        self._closing = False
        self.last_beat, self.announced = 0.0, ""
        self.steps_total = 0
        self.batch_sizes = [0] * max_streams  # steps with 1, 2, ... rows
        self.restarts_total = self.oom_total = 0
        self.peaks = Peaks()
        self.thread = threading.Thread(target=self._loop, name="model", daemon=True)
        self.thread.start()
        self._watchdog = Watchdog(self)

    # any thread
    def submit(self, ticket: Ticket, *, patient: bool = False) -> bool:
        """Put a request in line; its channel gets the steps and the end. See `Line.join`."""
        params = ticket.request.params
        ticket.channel.on_change = self._poke.set
        ticket.submitted_s = time.monotonic()
        joined = self.line.join(
            ticket,
            person=ticket.request.person,
            rows=params.num_return_sequences,
            now_s=ticket.submitted_s,
            patient=patient,
        )
        self._poke.set()
        return joined

    def run(self, loaded: LoadedModel, job: Job, *, person: str = "") -> Channel[object]:
        """Put a job in line; what it yields, None apart, comes in the channel. Raises LabError."""
        channel: Channel[object] = Channel(limit=1024, update_s=0.0)
        channel.on_change = self._poke.set
        running = RunningJob(loaded=loaded, turns=job(loaded), channel=channel)
        self.job_line.join(running, person=person, rows=1, now_s=time.monotonic())
        self._poke.set()
        return channel

    @property
    def queue_depth(self) -> int:
        """Requests that wait."""
        return len(self.line.waiting)

    @property
    def active_streams(self) -> int:
        """Requests that run."""
        return len(self._running)

    @property
    def active_rows(self) -> int:
        """Sequences that run, over all models."""
        return sum(len(ticket.rows) for ticket in tuple(self._running))

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The models that decode now, with their caches."""
        return tuple(self._batches.values())

    @property
    def in_use(self) -> list[LoadedModel]:
        """The model of every request and job that waits or runs."""
        tickets = (*self.line.waiting, *self._running)
        jobs = (*self.job_line.waiting, *self._jobs)
        return [*(ticket.loaded for ticket in tickets), *(job.loaded for job in jobs)]

    def set_limits(self, limits: Limits, max_streams: int) -> None:
        """Change what one person and all may have from now on; what runs goes on."""
        self.line.limits = self.job_line.limits = limits
        self.batch_sizes += [0] * (max_streams - len(self.batch_sizes))
        self.max_streams = max_streams

    def close(self, timeout_s: float) -> None:
        """End all requests as cancelled and join the thread."""
        self._closing = True
        self._watchdog.close()
        self._poke.set()
        self.thread.join(timeout_s)

    # the watchdog's thread
    def revive(self, error: LabError) -> None:
        """Start the model thread again; what ran ends with `error`, what waits goes on."""
        self.restarts_total += 1
        self._batches.clear()
        for ticket in tuple(self._running):
            self._end(ticket, "error", error)
        for job in tuple(self._jobs):
            self._leave_job(job)
            job.channel.finish(error)
        self.last_beat = time.time()
        self.thread = threading.Thread(target=self._loop, name="model", daemon=True)
        self.thread.start()

    def give_up(self, error: LabError) -> None:
        """End every reader's wait with `error`; the thread tidies up when it comes back."""
        tickets = (*self.line.waiting, *self._running)
        jobs = (*self.job_line.waiting, *self._jobs)
        for channel in (*(t.channel for t in tickets), *(j.channel for j in jobs)):
            channel.finish(error)  # type: ignore[attr-defined]  # mypy joins the two to object
            channel.close()  # type: ignore[attr-defined]

    # the model thread
    def _loop(self) -> None:
        while not self._closing:
            self._poke.clear()
            self.last_beat, self.announced = time.time(), ""
            try:
                worked = self._turn()
            except Exception as error:  # a bug or the device: fail those running, stay alive
                log.exception("a turn of the model thread failed")
                self.restarts_total += 1
                self._batches.clear()  # first: nothing is to be tidied in what failed
                for ticket in tuple(self._running):
                    self._fail(ticket, error)
                worked = True
            if not worked:
                self._poke.wait(IDLE_TURN_S)
        for ticket in (*self._running, *self.line.close()):
            self._end(ticket, "cancelled", closing())
        for job in (*self._jobs, *self.job_line.close()):
            job.close()
            job.channel.finish(closing())

    def _turn(self) -> bool:
        """Do one round of everything; return whether there was anything to do."""
        for ticket in [*self.line.waiting, *self._running]:
            if ticket.channel.closed:
                self._end(ticket, "cancelled")
        for ticket in self.line.late(time.monotonic()):
            self._end(ticket, "timeout", self.line.too_late())
        while (first := self.line.next()) and self._fits(first):
            self._admit(first)
        worked = False
        for key, batch in tuple(self._batches.items()):
            use_threads(batch.loaded.threads)
            self.announced = "a prompt" if batch.reads else ""
            turn = batch.step()
            for ticket in turn.ended:
                self._end(ticket, "ok")
            for ticket, error in turn.failed:
                self._fail(ticket, error)
            worked = worked or turn.worked
            self.peaks.note(batch.loaded.info.model, batch.nbytes, batch.logits_bytes)
            if turn.size:
                self.steps_total += 1
                self.batch_sizes[turn.size - 1] += 1
            if batch.empty:
                del self._batches[key]  # its model may have been unloaded
        self._begin_jobs()
        for _ in range(len(self._jobs)):  # one turn of one job that can go on
            job = self._jobs[0]
            self._jobs.rotate(-1)
            if self._turn_job(job):
                return True
        return worked

    def _begin_jobs(self) -> None:
        now_s = time.monotonic()
        for job in self.job_line.waiting:
            if job.channel.closed:
                self.job_line.leave(job, now_s=now_s)
        for job in self.job_line.late(now_s):
            self.job_line.leave(job, now_s=now_s)
            job.channel.finish(self.job_line.too_late())
        while len(self._jobs) < MOST_JOBS and (next_job := self.job_line.next()):
            self._jobs.append(next_job)
            self.job_line.begin(next_job, now_s=now_s)

    def _batch(self, loaded: LoadedModel) -> Batch:
        return self._batches.setdefault(id(loaded), Batch(loaded))

    def _fits(self, ticket: Ticket) -> bool:
        if not self._running:  # alone it runs, though a limit has fallen since it came in line
            return True
        rows = self.active_rows + ticket.request.params.num_return_sequences
        mine = self._batch(ticket.loaded)
        others = sum(b.bytes_with() for b in self._batches.values() if b is not mine)
        return rows <= self.max_streams and others + mine.bytes_with(ticket) <= self.kv_cache_bytes

    def _admit(self, ticket: Ticket) -> None:
        ticket.admitted_s = time.monotonic()
        self._running.append(ticket)  # before it leaves the line: whoever ends all sees it
        self.line.begin(ticket, now_s=ticket.admitted_s)
        try:
            use_threads(ticket.loaded.threads)
            self._batch(ticket.loaded).join(ticket)
        except Exception as error:  # this request's prefill alone: the others are untouched
            log.exception("a prefill failed")
            self._fail(ticket, error)

    def _turn_job(self, job: RunningJob) -> bool:
        """Run a job up to its next yield; return whether it has more to do now."""
        if job.channel.closed:
            self._leave_job(job)
            job.close()
            return True
        if job.channel.full:
            return False
        try:
            use_threads(job.loaded.threads)
            self.announced = "a job"
            if (result := next(job.turns)) is not None:
                job.channel.put([result])
        except StopIteration:
            self._leave_job(job)
            job.channel.finish()
        except Exception as error:  # the job's own: its reader gets it, the thread goes on
            self._leave_job(job)
            self.oom_total += is_oom(error)
            job.channel.finish(as_told(error, job.loaded.info))
        finally:
            self.announced = ""
        if job.channel.error and is_oom(job.channel.error):
            job.close()
            give_back(job.loaded.device)
        return True

    def _leave_job(self, job: RunningJob) -> None:
        self._jobs.remove(job)
        self.job_line.leave(job, now_s=time.monotonic())

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        self.oom_total += is_oom(error)
        outcome: Outcome = "oom" if is_oom(error) else "error"
        self._end(ticket, outcome, as_told(error, ticket.loaded.info))

    def _end(self, ticket: Ticket, outcome: Outcome, error: BaseException | None = None) -> None:
        """Free the request's rows, tell its reader, and report what it cost."""
        if ticket in self._running:
            self._running.remove(ticket)
            if batch := self._batches.get(id(ticket.loaded)):
                batch.leave(ticket)
        now_s, times = time.monotonic(), ticket.step_times_s
        self.line.leave(ticket, now_s=now_s)
        stats = RequestStats(
            operation=ticket.request.operation,
            model=ticket.loaded.info.model,
            precision=ticket.loaded.info.precision,
            outcome=outcome,
            queue_wait_s=(ticket.admitted_s or now_s) - ticket.submitted_s,
            ttft_s=times[0] - ticket.submitted_s if times else None,
            duration_s=now_s - ticket.submitted_s,
            gaps_s=tuple(b - a for a, b in itertools.pairwise(times)),
            input_tokens=len(ticket.ids) if ticket.admitted_s else 0,
            output_tokens=ticket.output_tokens,
        )
        try:
            self._on_end(stats)
        except Exception:  # what counts must not stop what runs
            log.exception("a request could not be counted")
        ticket.channel.finish(error)
