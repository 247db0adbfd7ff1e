"""A job: work on a model's own thread that yields after every forward, beside the batched rows."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backend.channel import Channel
from backend.models import LoadedModel

log = logging.getLogger(__name__)

Job = Callable[[LoadedModel], Iterator[object]]  # yields after every forward
MOST_JOBS = 4  # begun at a time: each holds memory of its own


@dataclass(kw_only=True, eq=False)
class RunningJob:
    """A job's generator and the channel its results go to."""

    loaded: LoadedModel
    turns: Iterator[object]
    channel: Channel[object]

    def close(self) -> None:
        """Free what the job holds; what it raises at that is nobody else's."""
        close = getattr(self.turns, "close", None)  # any iterator may be a job
        try:
            if close:
                close()
        except Exception:
            log.exception("a job failed to close")
