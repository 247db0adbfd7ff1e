"""LocalEngine: the resident models and the model thread, behind the methods the lab calls.

Importing this module imports no torch; the first `start` or `model` does, in its own thread.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from backend.allowed import allowed_source
from backend.catalog import POCKET
from backend.engine import FILTERS, Capability, Pending, drain
from backend.errors import LabError, load_failed
from backend.ledger import Ledger, Peaks, ledger
from backend.queueing import Limits, Place
from backend.settings import Settings
from backend.types import EngineStats, ModelInfo, Request, RequestStats, TokenStep

if TYPE_CHECKING:
    from backend.batch import Ticket
    from backend.channel import Channel
    from backend.models import LoadedModel
    from backend.residents import Residents
    from backend.scheduler import Job, Scheduler

log = logging.getLogger(__name__)
BEAT_LIMIT_S = 10.0


class LocalEngine:
    """Models in this process. Safe from many threads."""

    capabilities: frozenset[Capability] = frozenset(
        {"seed", "logprobs", "alternatives", "score", "jobs", "constraint"}
    )
    filters = FILTERS

    def __init__(
        self,
        settings: Settings,
        *,
        limits: Limits,
        on_end: Callable[[RequestStats], None],
        on_load: Callable[[ModelInfo], None],
        fetch: Callable[[str], None],  # a model that is on the hub and not in the cache
    ) -> None:
        self._settings, self._limits = settings, limits
        self._on_end, self._on_load, self._fetch = on_end, on_load, fetch
        self._residents: Residents | None = None  # from the first load on, which imports torch
        self._current, self._switching = settings.model, ""
        self._scheduler: Scheduler | None = None
        self._state: Literal["idle", "loading", "ready", "failed"] = "idle"
        self._detail = ""
        self._error: LabError | None = None
        self._loading = threading.RLock()  # one load at a time
        self._started = threading.Event()  # the first load has ended, well or badly
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin importing torch and loading the first model in the background; idempotent."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._start, name="load", daemon=True)
                self._thread.start()

    def _start(self) -> None:
        try:
            self.load(self._settings.model, self._settings.precision)
        except LabError as error:
            log.error("%s", error)
            self._error = error
        except Exception as error:
            log.exception("the first load failed")
            self._error = load_failed(self._settings.model, self._settings.precision, error)
        finally:
            self._started.set()

    def ready(self) -> tuple[bool, str]:
        """Return whether requests can be answered now, and the reason if not."""
        stats = self.snapshot()
        if not stats.models:
            return False, f"{stats.state}: {stats.detail}" if stats.detail else stats.state
        silent_s = time.time() - stats.last_beat
        if silent_s > BEAT_LIMIT_S and not stats.announced:
            return False, f"the model thread has been silent for {silent_s:.0f} s"
        return True, "ready"

    @property
    def scheduler(self) -> "Scheduler":
        """The model thread; there is one from the first load on."""
        assert self._scheduler is not None, "a model is loaded first"
        return self._scheduler

    def model(self, name: str = "") -> "LoadedModel":
        """Return a resident model, empty: the current one; a pocket model is loaded. LabError."""
        self.start()
        self._started.wait()
        name = name or self._current
        if loaded := self._get(name):
            return loaded
        if self._error is not None and name == self._settings.model:
            raise self._error
        allowed_source(name, self._settings)  # says what is wrong with the name
        if name in POCKET:
            with self._loading:
                return self._get(name) or self._load(name, "auto", keep=(self._current,))
        raise LabError(
            "model_not_loaded",
            f"{name} is not loaded",
            f"Loaded are {', '.join(self._models()) or 'none'}; the teacher can load others",
            field="model",
            value=name,
            allowed=", ".join((*self._models(), *POCKET)),
        )

    def _get(self, name: str) -> "LoadedModel | None":
        return self._residents.get(name) if self._residents else None

    def _models(self) -> "dict[str, LoadedModel]":
        return self._residents.models if self._residents else {}

    def load(self, name: str, precision: str, *, confirmed: bool = False) -> ModelInfo:
        """Load a model and make it the current one; idle ones go where it needs their room.

        Raises LabError `does_not_fit` before loading, unless `confirmed`.
        """
        with self._loading:
            current = self._models().get(self._current)
            before = current and current.info
            del current  # it may have to go
            self._switching = f"{name} ({precision})" if before else ""
            try:
                info = self._load(name, precision, confirmed=confirmed).info
            except BaseException:
                if before and before.model not in self._models():  # it had made room
                    log.warning("%s is loaded again", before.model)
                    self._load(before.model, before.precision)
                raise
            finally:
                self._switching = ""
            self._current = name
            self._error = None
        self._started.set()
        return info

    def _load(
        self, name: str, precision: str, *, keep: Sequence[str] = (), confirmed: bool = False
    ) -> "LoadedModel":
        from backend.residents import Residents
        from backend.scheduler import Scheduler

        self._state, self._detail = "loading", f"{name} ({precision})"
        try:
            if self._residents is None:
                self._residents = Residents(self._settings, lambda: self._scheduler)
            self._fetch(name)
            loaded = self._residents.add(name, precision, keep=keep, confirmed=confirmed)
            if self._scheduler is None:
                self._scheduler = Scheduler(
                    max_streams=self._settings.max_streams,
                    kv_cache_bytes=0,
                    on_end=self._on_end,
                    limits=self._limits,
                    max_queue=max(self._settings.max_queue, 1),
                )
            self._residents.leave_for_kv(loaded.info.device)
        except BaseException as error:
            self._state = "ready" if self._models() else "failed"
            self._detail = "" if self._models() else str(error)
            raise
        self._state, self._detail = "ready", ""
        self._on_load(loaded.info)
        return loaded

    def unload(self, name: str) -> None:
        """Drop a model; requests that run on it end first. The current one stays."""
        with self._loading:
            if name == self._current:
                raise LabError(
                    "model_in_use", f"{name} is the current model", "Load another first", model=name
                )
            if self._residents:
                self._residents.drop(name)

    def places(self, person: str) -> list[Place | None]:
        """Return where a person's requests and jobs stand in line; None: it runs."""
        lines = (s.line, s.job_line) if (s := self._scheduler) else ()
        return [place for line in lines for place in line.places(person)]

    def ledger(self) -> Ledger:
        """Measure who holds what now."""
        return self._residents.ledger(self._current) if self._residents else ledger((), Peaks(), 0)

    def set_limits(self, limits: Limits, max_streams: int) -> None:
        """Change what one person and all may have from now on."""
        self._limits = limits
        self._settings = replace(self._settings, max_streams=max_streams)
        if self._scheduler:
            self._scheduler.set_limits(limits, max_streams)

    def end_all(self, error: LabError) -> None:
        """End whatever waits or runs; its readers are told `error`."""
        if self._scheduler:
            self._scheduler.give_up(error)

    def submit(self, ticket: "Ticket", *, patient: bool = False) -> bool:
        """Put a request in line. Raises LabError when the line is full or it can never fit.

        A patient one is told False while its person's limits leave no place for it.
        """
        scheduler = self.scheduler
        needed = ticket.nbytes
        if needed > scheduler.kv_cache_bytes:
            raise LabError(
                "kv_cache_exceeded",
                f"the request needs {needed} bytes of KV cache,"
                f" the limit is {scheduler.kv_cache_bytes}",
                "Use a shorter prompt, fewer new tokens or fewer sequences",
                value=needed,
                allowed=scheduler.kv_cache_bytes,
            )
        return scheduler.submit(ticket, patient=patient)

    def stream(self, request: Request) -> Iterator[TokenStep]:
        """Yield the steps of a request; closing the iterator frees its rows."""
        ticket = self.ticket(request, update_s=0.0)
        yield from drain(ticket.channel, lambda: self.submit(ticket))

    def pending(self, request: Request, *, update_s: float) -> Pending:
        """Check a request against its model; not yet submitted. Raises LabError."""
        ticket = self.ticket(request, update_s=update_s)
        return Pending(
            request=request,
            channel=ticket.channel,
            prompt_tokens=lambda: len(ticket.ids),
            submit=lambda patient: self.submit(ticket, patient=patient),
            place=lambda: self.scheduler.line.place(ticket),
        )

    def ticket(self, request: Request, *, update_s: float) -> "Ticket":
        """Tokenize and check a request against its model; not yet submitted. Raises LabError."""
        from backend.admission import admissible_ids
        from backend.automaton import begun
        from backend.batch import Ticket
        from backend.channel import Channel

        loaded = self.model(request.model)
        ids = admissible_ids(request, loaded)
        automaton, state = begun(request, loaded)
        return Ticket(
            request=request,
            loaded=loaded,
            ids=ids,
            automaton=automaton,
            state=state,
            channel=Channel(limit=128 * request.params.num_return_sequences, update_s=update_s),
            submitted_s=time.monotonic(),
        )

    def run(self, job: "Job", model: str = "", *, person: str = "") -> Iterator[object]:
        """Yield what a job yields, one forward at a time beside the rows."""
        yield from drain(self.begin(job, model, person=person), lambda: None)

    def begin(self, job: "Job", model: str = "", *, person: str = "") -> "Channel[object]":
        """Put a job in line; what it yields comes in the channel. Raises LabError."""
        loaded = self.model(model)
        return self.scheduler.run(loaded, job, person=person)

    def snapshot(self) -> EngineStats:
        """Return the plain numbers of this moment; never blocks."""
        s, r = self._scheduler, self._residents
        return EngineStats(
            state=self._state,
            detail=self._detail,
            current=self._current,
            last_beat=s.last_beat if s else 0.0,
            announced=s.announced if s else "",
            active_streams=s.active_streams if s else 0,
            active_rows=s.active_rows if s else 0,
            queue_depth=s.queue_depth if s else 0,
            steps_total=s.steps_total if s else 0,
            restarts_total=s.restarts_total if s else 0,
            batch_sizes=tuple(s.batch_sizes) if s else (),
            kv_cache_bytes=r.kv_cache_bytes if r else {},
            kv_cache_limit_bytes=s.kv_cache_bytes if s else self._settings.kv_cache_bytes,
            models=tuple(loaded.info for loaded in self._models().values()),
            oom_total=(s.oom_total if s else 0) + (r.oom_total if r else 0),
            switching=self._switching,
        )

    def close(self, timeout_s: float = 5.0) -> None:
        """End everything and join the model thread."""
        if self._scheduler:
            self._scheduler.close(timeout_s)
