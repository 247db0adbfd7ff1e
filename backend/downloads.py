"""Downloads of models: which are asked for, and how far each is. A model is fetched once at a time.

A thread looks a model up, and fetches it once that is asked for too. What it has come to stays
here until it is asked again or forgotten.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backend import hub
from backend.allowed import allowed_source
from backend.device import room, too_big
from backend.errors import LabError
from backend.settings import Settings

log = logging.getLogger(__name__)
Phase = Literal["looking", "found", "downloading", "stopping", "stopped", "failed", "done"]
RATE_S = 10.0  # the rate is that of the last ten seconds
SAMPLE_S = 0.25


@dataclass(frozen=True, kw_only=True)
class DownloadState:
    """One model at one moment. `found` is None before the hub has answered."""

    model: str
    phase: Phase
    found: hub.HubModel | None
    done_bytes: int
    rate: float  # bytes per second
    silent_s: float  # since a byte came
    elsewhere: bool  # another process fetches it
    error: LabError | None

    @property
    def remaining_s(self) -> float | None:
        """What is left at this rate, None without one."""
        if not self.found or self.rate <= 0:
            return None
        return max(self.found.bytes - self.done_bytes, 0) / self.rate


class Downloads:
    """Every model that was asked for since the start. Safe from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def look(self, model_id: str) -> None:
        """Begin to ask the hub what a model takes."""
        self._ask(model_id, fetch=False)

    def start(self, model_id: str) -> None:
        """Begin to download a model, or go on; one that is being downloaded already is left."""
        self._ask(model_id, fetch=True)

    def stop(self, model_id: str) -> None:
        """Stop a download; what has arrived stays for the next start."""
        if job := self._jobs.get(model_id):
            job.stop.set()

    def forget(self, model_id: str) -> None:
        """Show a model no more; one that is being downloaded stays."""
        with self._lock:
            if (job := self._jobs.get(model_id)) and job.ended.is_set():
                del self._jobs[model_id]

    def states(self) -> list[DownloadState]:
        """Return what is known of each model, the one asked for last first."""
        return [job.state() for job in reversed(self._jobs.copy().values())]

    @property
    def under_way(self) -> list[str]:
        """The models that a thread looks up or downloads now."""
        return [model for model, job in self._jobs.copy().items() if not job.ended.is_set()]

    def fetch(self, name: str) -> None:
        """Download a model that is to be loaded here, where it is on the hub. Raises LabError."""
        if not self._settings.engine_url:
            source = allowed_source(name, self._settings)
            if not Path(source).is_dir():
                self.get(source)

    def get(self, model_id: str) -> Path:
        """Return a model's folder, downloaded first where it is not in the cache; blocks.

        Whoever asks for a model that is being downloaded waits for that. Raises LabError.
        """
        if found := hub.folder(model_id):
            return found
        job = self._ask(model_id, fetch=True)
        job.ended.wait()
        if job.error:
            raise job.error
        if found := hub.folder(model_id):
            return found
        raise LabError(
            "download_stopped",
            f"the download of {model_id} was stopped",
            "Go on with it on the teacher's page",
            model=model_id,
        )

    def close(self) -> None:
        """Stop all downloads."""
        for job in self._jobs.copy().values():
            job.stop.set()

    def _ask(self, model_id: str, *, fetch: bool) -> "_Job":
        with self._lock:
            job = self._jobs.pop(model_id, None)
            if job is None or not job.asked(fetch):
                job = _Job(model_id, fetch, self._settings)
                threading.Thread(target=job.run, name="download", daemon=True).start()
            self._jobs[model_id] = job
            return job


class _Job:
    """One thread's work on one model; what `hub.download` tells its progress."""

    def __init__(self, model_id: str, fetch: bool, settings: Settings) -> None:
        self._model_id, self._fetch, self._settings = model_id, fetch, settings
        self._phase: Phase = "looking"
        self._found: hub.HubModel | None = None
        self._samples: deque[tuple[float, int]] = deque(maxlen=int(RATE_S / SAMPLE_S))
        self._done, self._byte_s, self._elsewhere = 0, time.monotonic(), False
        self._lock = threading.Lock()
        self.error: LabError | None = None
        self.stop, self.ended = threading.Event(), threading.Event()

    def asked(self, fetch: bool) -> bool:
        """Take a further wish; False where this job has ended, or is about to."""
        with self._lock:
            if self._phase not in ("looking", "downloading") or self.stop.is_set():
                return False
            self._fetch |= fetch
            return True

    def run(self) -> None:
        """Look, fetch if asked to, and end in a phase that says what came of it."""
        end: Phase = "failed"
        try:
            end = self._work()
        except hub.Stopped:
            end = "stopped"
        except LabError as error:
            self.error = error
        except Exception as error:
            log.exception("downloading %s failed", self._model_id)
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            message = f"{self._model_id} could not be downloaded: {reason}"
            self.error = LabError("hub_failed", message, model=self._model_id, reason=reason)
        with self._lock:
            self._phase = end
        self.ended.set()

    def _work(self) -> Phase:
        if hub.folder(self._model_id):
            return "done"
        found = hub.look(self._model_id)
        self._found, self._done = found, found.bytes - hub.missing_bytes(found)
        if self.stop.is_set():
            raise hub.Stopped
        with self._lock:
            if not self._fetch:
                self._phase = "found"
                return "found"
        if big := too_big(self._model_id, found.config, room(self._settings)):
            raise big
        with self._lock:
            self._phase = "downloading"
        hub.download(found, self)
        return "done"

    def at(self, n_bytes: int, *, elsewhere: bool = False) -> None:
        """Note the bytes there are; from `hub.download`."""
        if self.stop.is_set():
            raise hub.Stopped
        now = time.monotonic()
        if n_bytes != self._done or not self._samples:
            self._byte_s = now
        self._done, self._elsewhere = n_bytes, elsewhere
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now, n_bytes))

    def state(self) -> DownloadState:
        """Return this moment's numbers."""
        now, samples = time.monotonic(), tuple(self._samples)
        recent = [s for s in samples if now - s[0] <= RATE_S] or [*samples[-1:]]
        took = now - recent[0][0] if recent else 0.0
        phase: Phase = self._phase
        if phase == "downloading" and self.stop.is_set():
            phase = "stopping"
        return DownloadState(
            model=self._model_id,
            phase=phase,
            found=self._found,
            done_bytes=self._done,
            rate=max(self._done - recent[0][1], 0) / took if took > 0 else 0.0,
            silent_s=now - self._byte_s if phase == "downloading" else 0.0,
            elsewhere=self._elsewhere,
            error=self.error,
        )
