"""Engine: what the lab asks of whatever runs the models, here or elsewhere."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from backend.errors import LabError
from backend.ledger import Ledger
from backend.queueing import Limits, Place
from backend.types import EngineStats, Filter, ModelInfo, Request, TokenStep

if TYPE_CHECKING:
    from backend.channel import Channel
    from backend.models import LoadedModel
    from backend.scheduler import Job

Item = TypeVar("Item")
# "jobs": whatever needs the model or its tokenizer in this process
Capability = Literal[
    "seed", "logprobs", "alternatives", "score", "constraint", "adapter", "jobs"
]  # fmt: skip
FILTERS: frozenset[Filter] = frozenset({"top_k", "min_p", "typical_p", "epsilon_cutoff"})


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A checked request on its way into the line."""

    request: Request
    channel: "Channel[TokenStep]"
    prompt_tokens: Callable[[], int]  # known once the request has ended, at the latest
    submit: Callable[[bool], bool]  # patient or not; see `Line.join`
    place: Callable[[], Place | None]


Submit = Callable[..., bool]  # (pending, patient=False): whether it is in line now


class Engine(Protocol):
    """What runs the models. Safe from many threads."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What can be asked of it, and shown."""

    @property
    def filters(self) -> frozenset[Filter]:
        """The filters it takes; all take top_p."""

    def start(self) -> None:
        """Begin in the background; idempotent."""

    def ready(self) -> tuple[bool, str]:
        """Return whether requests can be answered now, and the reason if not."""

    def model(self, name: str = "") -> "LoadedModel":
        """Return a model in this process, empty for the current one. Raises LabError."""

    def load(self, name: str, precision: str, *, confirmed: bool = False) -> ModelInfo:
        """Load a model, `confirmed` though it may not fit, and make it current. LabError."""

    def unload(self, name: str) -> None:
        """Drop a model. Raises LabError."""

    def pending(self, request: Request, *, update_s: float) -> Pending:
        """Check a request; it is not in line yet. Raises LabError."""

    def begin(self, job: "Job", model: str = "", *, person: str = "") -> "Channel[object]":
        """Put a job in line; what it yields comes in the channel. Raises LabError."""

    def run(self, job: "Job", model: str = "", *, person: str = "") -> Iterator[object]:
        """Yield what a job yields; closing the iterator ends it. Raises LabError."""

    def stream(self, request: Request) -> Iterator[TokenStep]:
        """Yield the steps of a request; closing the iterator ends it. Raises LabError."""

    def places(self, person: str) -> list[Place | None]:
        """Return where a person's requests and jobs stand in line; None: it runs."""

    def ledger(self) -> Ledger:
        """Measure who holds what of this machine's memory now; may take milliseconds."""

    def set_limits(self, limits: Limits, max_streams: int) -> None:
        """Change what one person and all may have from now on; what runs goes on."""

    def end_all(self, error: LabError) -> None:
        """End whatever waits or runs; its readers are told `error`."""

    def snapshot(self) -> EngineStats:
        """Return the plain numbers of this moment; never blocks."""

    def close(self, timeout_s: float = 5.0) -> None:
        """End everything."""


def drain(channel: "Channel[Item]", begin: Callable[[], object]) -> Iterator[Item]:
    """Yield a channel's items to its end, then raise its error; leaving closes it."""
    try:
        begin()
        while True:
            finished = channel.finished  # read before the items: none can come after it
            yield from channel.wait(1.0) if not finished else channel.take()
            if finished:
                break
        if channel.error:
            raise channel.error
    finally:
        channel.close()


@contextlib.contextmanager
def until_joined(early: Callable[[BaseException], None]) -> Iterator[Submit]:
    """Yield what puts a request in line; `early` hears what ends it before it is there."""
    joined = False

    def submit(pending: Pending, patient: bool = False) -> bool:
        nonlocal joined
        joined = pending.submit(patient)
        return joined

    try:
        yield submit
    except BaseException as error:
        if not joined:
            early(error)
        raise
