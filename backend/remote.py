"""RemoteEngine: the engine's methods over an OpenAI-compatible server (LAB_ENGINE_URL).

Our own line and limits stand before the server's. A reader that leaves ends the connection, which
is how such a server is told to stop. Nothing here imports torch; what needs a model in this process
is refused by name.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Never

from backend.catalog import POCKET
from backend.channel import Channel
from backend.engine import FILTERS, Capability, Pending, drain
from backend.errors import LabError
from backend.ledger import Ledger, Peaks, ledger
from backend.queueing import Limits, Place
from backend.remote_answer import Server
from backend.remote_faults import cannot, wrong_model
from backend.remote_loop import RemoteLoop, RemoteTicket
from backend.remote_stream import Reading
from backend.settings import Settings
from backend.types import EngineStats, Filter, ModelInfo, Request, RequestStats, TokenStep

if TYPE_CHECKING:
    from backend.scheduler import Job

ANSWER_LIMIT_S = 30.0  # a server that has answered within it is there
FIRST_WAIT_S = 2.0  # for the server's first answer, by the first who wants to know what it can
OFF = {"top_k": 0, "min_p": 0.0, "typical_p": 1.0, "epsilon_cutoff": 0.0}  # each filter's


class RemoteEngine:
    """Models on another server. Safe from many threads."""

    def __init__(
        self, settings: Settings, *, limits: Limits, on_end: Callable[[RequestStats], None]
    ) -> None:
        self._settings, self.host = settings, settings.engine_host
        self._loop = RemoteLoop(settings, limits=limits, on_end=on_end)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What requests may ask for, as far as the server is known by now."""
        return capabilities_of(self._loop.known(FIRST_WAIT_S))

    @property
    def filters(self) -> frozenset[Filter]:
        """The filters beside top_p that a server of its kind is known to take."""
        return FILTERS & self._loop.known(FIRST_WAIT_S).extra

    @property
    def current(self) -> str:
        """LAB_MODEL; where that is a pocket model and the server has none, its first model."""
        name, served = self._settings.model, self._loop.server.served
        return next(iter(served), name) if name in POCKET and name not in served else name

    def start(self) -> None:
        """Begin asking the server in the background; idempotent."""
        self._loop.start()

    def ready(self) -> tuple[bool, str]:
        """Return whether the server has answered within 30 s, and what it said last if not."""
        self.start()
        loop = self._loop
        if time.time() - loop.answered_at <= ANSWER_LIMIT_S:
            return True, "ready"
        if loop.error:
            return False, loop.error.message
        return False, f"the remote server {self.host} has not answered yet"

    def model(self, name: str = "") -> Never:
        """Refuse: there is no model in this process, and no tokenizer."""
        raise cannot("tokens", self.host)

    def load(self, name: str, precision: str, *, confirmed: bool = False) -> Never:
        """Refuse: what is loaded is the server's."""
        raise cannot("load", self.host)

    def unload(self, name: str) -> None:
        """Refuse, likewise."""
        raise cannot("load", self.host)

    def begin(self, job: "Job", model: str = "", *, person: str = "") -> Never:
        """Refuse: a job needs a model in this process."""
        raise cannot("jobs", self.host)

    def run(self, job: "Job", model: str = "", *, person: str = "") -> Iterator[object]:
        """Refuse, likewise."""
        raise cannot("jobs", self.host)

    def pending(self, request: Request, *, update_s: float) -> Pending:
        """Check a request against what the server takes; not yet sent. Raises LabError."""
        served, filters, params = (
            self._loop.known(FIRST_WAIT_S).served,
            self.filters,
            request.params,
        )
        asked: list[str] = [
            name
            for name, off in OFF.items()
            if getattr(params, name) != off and name not in filters
        ]
        asked += ["constraint"] if request.constraint else []
        asked += ["prefix_ids"] if request.prefix_ids else []
        if asked:
            raise cannot(asked[0], self.host)
        model = request.model or self.current
        if model in POCKET and model not in served:
            model = self.current  # the page says so: it names these models and no others
        if served and model not in served and model != self.current:
            raise wrong_model(model, list(served), self.host)
        ticket = RemoteTicket(
            request=request,
            model=model,
            channel=Channel(limit=128 * params.num_return_sequences, update_s=update_s),
            reading=Reading(request),
        )
        return Pending(
            request=request,
            channel=ticket.channel,
            prompt_tokens=lambda: ticket.reading.prompt_tokens,
            submit=lambda patient: self._loop.submit(ticket, patient),
            place=lambda: self._loop.line.place(ticket),
        )

    def stream(self, request: Request) -> Iterator[TokenStep]:
        """Yield the steps of a request; closing the iterator ends it on the server."""
        pending = self.pending(request, update_s=0.0)
        yield from drain(pending.channel, lambda: pending.submit(False))

    def places(self, person: str) -> list[Place | None]:
        """Return where a person's requests stand in our line; None: it runs."""
        return self._loop.line.places(person)

    def ledger(self) -> Ledger:
        """Measure this process; the models are elsewhere."""
        return ledger((), Peaks(), 0)

    def set_limits(self, limits: Limits, max_streams: int) -> None:
        """Change what one person and all may have from now on; what runs goes on."""
        self._loop.set_limits(limits, max_streams)

    def end_all(self, error: LabError) -> None:
        """End whatever waits or runs; its readers are told `error`."""
        for ticket in (*self._loop.running, *self._loop.line.waiting):
            ticket.channel.finish(error)
            ticket.channel.close()

    def snapshot(self) -> EngineStats:
        """Return the plain numbers of this moment; never blocks."""
        loop, current = self._loop, self.current
        running, error = tuple(loop.running), loop.error
        names = dict.fromkeys((current, *loop.server.served)) if loop.answered_at else ()
        return EngineStats(
            state="failed" if error else "ready" if loop.answered_at else "loading",
            detail=error.message if error else "",
            current=current,
            last_beat=loop.answered_at,
            announced="",
            active_streams=len(running),
            active_rows=sum(t.request.params.num_return_sequences for t in running),
            queue_depth=len(loop.line.waiting),
            steps_total=0,
            restarts_total=0,
            batch_sizes=(),
            kv_cache_bytes={},
            kv_cache_limit_bytes=0,
            models=tuple(self._info(name) for name in names),
        )

    def _info(self, name: str) -> ModelInfo:
        return ModelInfo(
            model=name,
            precision="remote",
            device="remote",
            weights_bytes=0,
            quant_state_bytes=0,
            load_s=0.0,
            context=self._loop.server.served.get(name, 0),
            vocab_size=0,
            parameters=0,
            has_chat_template=True,  # the server's; it says if it has none
        )

    def close(self, timeout_s: float = 5.0) -> None:
        """End all requests as cancelled and join the thread."""
        self._loop.close(timeout_s)


def capabilities_of(server: Server) -> frozenset[Capability]:
    """Return what can be asked of a server of which so much is known."""
    shown: set[Capability] = {"logprobs", "alternatives"} if server.gives_logprobs else set()
    return frozenset({"seed", *shown})
