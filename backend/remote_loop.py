"""The thread with the event loop that owns the connections to a remote server."""

import asyncio
import contextlib
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx

from backend.channel import Channel
from backend.errors import LabError
from backend.openai_request import RECORDS
from backend.queueing import Limits, Line, closing
from backend.remote_answer import Server, answer, error_of, short
from backend.remote_faults import lost, wrong_format
from backend.remote_stream import Reading
from backend.settings import Settings
from backend.types import Outcome, Request, RequestStats, TokenStep

log = logging.getLogger(__name__)
# fields outside the protocol that servers of a kind take, by `owned_by`
EXTRA = {
    "vllm": frozenset({"top_k", "min_p"}),
    "lab": frozenset({"top_k", "min_p", "typical_p", "epsilon_cutoff", RECORDS}),
}
PROBE_S = 10.0  # twice that and a timeout stay under the 30 s of /readyz
PROBE_AGAIN_S = 2.0  # while it does not answer
PROBE_TIMEOUT_S = 5.0
IDLE_TURN_S = 0.5
SILENT_S = 60.0  # between two parts of an answer


@dataclass(kw_only=True, eq=False)
class RemoteTicket:
    """One request from its submission to its end; times are time.monotonic seconds."""

    request: Request
    model: str
    channel: Channel[TokenStep]
    reading: Reading
    submitted_s: float = 0.0
    admitted_s: float = 0.0
    step_times_s: list[float] = field(default_factory=list)
    room: asyncio.Event = field(default_factory=asyncio.Event)


class RemoteLoop:
    """What waits for the server and what runs on it; its thread begins at `start`."""

    def __init__(
        self, settings: Settings, *, limits: Limits, on_end: Callable[[RequestStats], None]
    ) -> None:
        self._settings, self._on_end = settings, on_end
        key_file = settings.engine_key_file
        self._key = key_file.read_text("utf-8").strip() if key_file else ""
        self.line: Line[RemoteTicket] = Line(limits, most=max(settings.max_queue, 1))
        self.running: dict[RemoteTicket, asyncio.Task[None]] = {}
        self.server = Server(host=settings.engine_host, silent_s=SILENT_S)
        self.answered_at = 0.0  # time.time
        self.error: LabError | None = None  # the server's last answer, where it was none
        self._asked = threading.Event()  # the first question after its models has ended
        self._patient = True
        self._loop = asyncio.new_event_loop()
        self._poke = asyncio.Event()
        self._closing = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    # any thread
    def start(self) -> None:
        """Begin asking the server; idempotent."""
        with self._starting:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="remote", daemon=True)
                self._thread.start()

    def known(self, timeout_s: float) -> Server:
        """Return what is known of the server; the first to ask waits for its first answer."""
        self.start()
        if self._patient and not self._asked.wait(timeout_s):
            self._patient = False
        return self.server

    def submit(self, ticket: RemoteTicket, patient: bool) -> bool:
        """Put a request in line; its channel gets the steps and the end. See `Line.join`."""
        ticket.channel.on_change = lambda: self._call(self._changed, ticket)
        ticket.submitted_s = time.monotonic()
        joined = self.line.join(
            ticket,
            person=ticket.request.person,
            rows=ticket.request.params.num_return_sequences,
            now_s=ticket.submitted_s,
            patient=patient,
        )
        self._call(self._poke.set)
        return joined

    def set_limits(self, limits: Limits, max_streams: int) -> None:
        """Change what one person and all may have from now on; what runs goes on."""
        self.line.limits = limits
        self._settings = replace(self._settings, max_streams=max_streams)

    def close(self, timeout_s: float) -> None:
        """End all requests as cancelled and join the thread."""
        with self._starting:
            self._closing = True
        if self._thread:
            self._call(self._poke.set)
            self._thread.join(timeout_s)
        else:
            self.line.close()
            self._loop.close()

    def _call(self, do: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed
            self._loop.call_soon_threadsafe(do, *args)

    # its thread
    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())  # httpx leaves some
        finally:
            self._loop.close()

    async def _live(self) -> None:
        client = httpx.AsyncClient(
            base_url=self._settings.engine_url,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(PROBE_TIMEOUT_S, read=self.server.silent_s, pool=None),
            limits=httpx.Limits(max_connections=None),
        )
        async with client:
            probing = asyncio.create_task(self._probe(client))
            while not self._closing:
                self._poke.clear()
                self._turn(client)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._poke.wait(), IDLE_TURN_S)
            probing.cancel()
            for task in self.running.values():
                task.cancel()
            await asyncio.gather(probing, *self.running.values(), return_exceptions=True)
        for ticket in self.line.close():
            self._end(ticket, "cancelled", closing())

    async def _probe(self, client: httpx.AsyncClient) -> None:
        """Ask again and again which models there are: whether anybody answers, too."""
        while True:
            try:
                await self._ask(client)
                self._answered()
            except LabError as error:
                self.error = error
            except httpx.HTTPError as error:
                self.error = lost(error, self.server.host, PROBE_TIMEOUT_S)
            except Exception as error:  # whatever it sent, it is asked again
                self.error = wrong_format(self.server.host, f"/models: {type(error).__name__}")
            self._asked.set()
            await asyncio.sleep(PROBE_AGAIN_S if self.error else PROBE_S)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/models", timeout=PROBE_TIMEOUT_S) as response:
            text = await short(response, PROBE_TIMEOUT_S)
        if response.status_code == 200:
            self._knows(json.loads(text)["data"])
        elif response.status_code != 404:  # not all have this route
            said = text.decode(errors="replace")
            raise error_of(response, said, self._settings.model, self.server)

    def _knows(self, models: list[dict]) -> None:
        self.server.served = {str(one["id"]): int(one.get("max_model_len") or 0) for one in models}
        takes = [EXTRA.get(str(one.get("owned_by")), frozenset()) for one in models]
        self.server.extra = frozenset.intersection(*takes) if takes else frozenset()

    def _answered(self) -> None:
        self.answered_at, self.error = time.time(), None

    def _turn(self, client: httpx.AsyncClient) -> None:
        """Let go who has left or waited too long; begin what there is room for."""
        for ticket in self.line.waiting:
            if ticket.channel.closed:
                self._end(ticket, "cancelled")
        for ticket in self.line.late(time.monotonic()):
            self._end(ticket, "timeout", self.line.too_late())
        while first := self.line.next():
            rows = sum(t.request.params.num_return_sequences for t in self.running)
            if rows + first.request.params.num_return_sequences > self._settings.max_streams:
                break
            first.admitted_s = time.monotonic()
            self.line.begin(first, now_s=first.admitted_s)
            self.running[first] = asyncio.create_task(self._serve(client, first))

    def _changed(self, ticket: RemoteTicket) -> None:
        """The reader has made room, or has left."""
        ticket.room.set()
        if ticket.channel.closed and (task := self.running.get(ticket)):
            task.cancel()
        self._poke.set()

    async def _serve(self, client: httpx.AsyncClient, ticket: RemoteTicket) -> None:
        """Send a request and pass its steps on; whatever happens, end it."""
        outcome: Outcome = "error"
        fault: BaseException | None = None
        steps = answer(client, self.server, ticket.request, ticket.model, ticket.reading)
        try:
            async with contextlib.aclosing(steps):
                async for some in steps:
                    await self._pass_on(ticket, some)
            outcome = "ok"
        except asyncio.CancelledError:
            outcome = "cancelled"
        except LabError as error:
            fault = error
        except Exception as error:
            log.exception("a remote request failed")
            fault = error
        self._end(ticket, outcome, fault)
        self._poke.set()

    async def _pass_on(self, ticket: RemoteTicket, steps: list[TokenStep]) -> None:
        """Give steps to the reader; wait while it is too far behind."""
        self._answered()
        ticket.step_times_s.append(time.monotonic())
        ticket.channel.put(steps)
        while ticket.channel.full and not ticket.channel.closed:
            ticket.room.clear()
            await ticket.room.wait()

    def _end(
        self, ticket: RemoteTicket, outcome: Outcome, error: BaseException | None = None
    ) -> None:
        """Free the request's place, tell its reader, and report what it cost."""
        self.running.pop(ticket, None)
        now_s, times = time.monotonic(), ticket.step_times_s
        self.line.leave(ticket, now_s=now_s)
        stats = RequestStats(
            operation=ticket.request.operation,
            model=ticket.model,
            precision="remote",
            outcome=outcome,
            queue_wait_s=(ticket.admitted_s or now_s) - ticket.submitted_s,
            ttft_s=times[0] - ticket.submitted_s if times else None,
            duration_s=now_s - ticket.submitted_s,
            gaps_s=tuple(b - a for a, b in itertools.pairwise(times)),
            input_tokens=ticket.reading.prompt_tokens,
            output_tokens=ticket.reading.tokens,
        )
        try:
            self._on_end(stats)
        except Exception:  # what counts must not stop what runs
            log.exception("a request could not be counted")
        ticket.channel.finish(error)
