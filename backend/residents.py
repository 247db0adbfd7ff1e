"""The models in this process: loaded where they fit, shared, let go by age when another needs room.

A model in use (a request or a job of it waits or runs) is never let go for another's sake.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PretrainedConfig

from backend import device_memory
from backend.device import memory_for
from backend.device_memory import DeviceMemory
from backend.errors import LabError
from backend.ledger import Ledger, Peaks, Resident, does_not_fit, ledger
from backend.memory import BYTES, MemoryEstimate, estimate, linear_bytes
from backend.models import BUILDING, LoadedModel, load, release
from backend.scheduler import Scheduler
from backend.settings import Settings
from backend.types import PrecisionSpec

log = logging.getLogger(__name__)
ANSWERS = 256  # positions of one row: a model that has no room to answer that much does not fit


@dataclass(kw_only=True)
class Held:
    """A loaded model, what it was expected to take, and when somebody last asked for it."""

    loaded: LoadedModel
    estimated: MemoryEstimate | None
    asked_s: float  # time.monotonic


class Residents:
    """What is loaded, by name. One load at a time: its caller sees to that."""

    def __init__(self, settings: Settings, scheduler: Callable[[], Scheduler | None]) -> None:
        self._settings, self._scheduler = settings, scheduler
        self._held: dict[str, Held] = {}
        self.oom_total = 0
        # before the first load: Python, torch and the other libraries
        self._libraries_bytes = device_memory.look("cpu").ours_bytes

    @property
    def models(self) -> dict[str, LoadedModel]:
        """The loaded models by name."""
        return {name: held.loaded for name, held in tuple(self._held.items())}

    def get(self, name: str) -> LoadedModel | None:
        """Return a model that somebody asks for, None where it is not loaded."""
        held = self._held.get(name)
        if held is None:
            return None
        held.asked_s = time.monotonic()
        return held.loaded

    def add(
        self, name: str, precision: str, *, keep: Sequence[str] = (), confirmed: bool = False
    ) -> LoadedModel:
        """Load a model; those that nobody uses go where it needs their room, but for `keep`.

        Raises LabError `does_not_fit` before loading; `confirmed`: it is tried all the same.
        """
        expected: list[MemoryEstimate | None] = []

        def make_room(config: PretrainedConfig, spec: PrecisionSpec, device: torch.device) -> None:
            expected.append(estimated(config, spec))
            needed = needed_bytes(config, spec, device)
            memory = memory_for(config.to_dict(), spec.name, str(device))
            self._make_room(name, spec, memory, needed, keep=keep, confirmed=confirmed)

        try:
            loaded = load(name, precision, self._settings, make_room=make_room)
        except LabError as error:
            self.oom_total += error.code == "load_oom"
            raise
        [estimate_] = expected
        self._held[name] = Held(loaded=loaded, estimated=estimate_, asked_s=time.monotonic())
        release()
        return loaded

    def drop(self, name: str) -> None:
        """Forget a model; what runs on it ends first."""
        if held := self._held.pop(name, None):
            device = held.loaded.info.device
            del held
            release()
            self.leave_for_kv(device)

    def leave_for_kv(self, device: str) -> None:
        """Set the KV cache's limit: LAB_KV_CACHE_BYTES, else 60 % of what is free; 1 GiB on CPU."""
        scheduler, limit = self._scheduler(), self._settings.kv_cache_bytes
        if not limit and device.startswith("cuda"):
            held = sum(self.kv_cache_bytes.values())
            limit = int(0.6 * (device_memory.look(device).room_bytes + held))
        if scheduler:
            scheduler.kv_cache_bytes = limit or 2**30

    @property
    def kv_cache_bytes(self) -> dict[str, int]:
        """KV bytes allocated now, by model."""
        scheduler, found = self._scheduler(), Counter[str]()
        for batch in scheduler.batches if scheduler else ():
            found[batch.loaded.info.model] += batch.nbytes
        return dict(found)

    def ledger(self, current: str) -> Ledger:
        """Measure who holds what now."""
        scheduler = self._scheduler()
        peaks = scheduler.peaks if scheduler else Peaks()
        return ledger(self.residents(current), peaks, self._libraries_bytes)

    def residents(self, current: str) -> list[Resident]:
        """Return every model in memory, those too that only what still runs on them keeps."""
        scheduler = self._scheduler()
        running = scheduler.in_use if scheduler else []
        batches = {id(b.loaded): b for b in scheduler.batches} if scheduler else {}
        uses, now_s = Counter(map(id, running)), time.monotonic()
        here = {id(held.loaded): held for held in tuple(self._held.values())}
        leaving = {id(loaded): loaded for loaded in running if id(loaded) not in here}
        found = []
        for key, loaded in ({k: h.loaded for k, h in here.items()} | leaving).items():
            held, batch, info = here.get(key), batches.get(key), loaded.info
            found.append(
                Resident(
                    model=info.model,
                    precision=info.precision,
                    device=info.device,
                    weights_bytes=info.weights_bytes,
                    quant_state_bytes=info.quant_state_bytes,
                    kv_cache_bytes=batch.nbytes if batch else 0,
                    logits_bytes=batch.logits_bytes if batch else 0,
                    estimated=held.estimated if held else None,
                    load_peak_bytes=info.load_peak_bytes,
                    in_use=uses[key],
                    idle_s=now_s - held.asked_s if held else 0.0,
                    current=held is not None and info.model == current,
                    leaving=held is None,
                )
            )
        return found

    def _make_room(
        self,
        name: str,
        spec: PrecisionSpec,
        memory: DeviceMemory,
        needed: int,
        *,
        keep: Sequence[str],
        confirmed: bool,
    ) -> None:
        """Let idle models go, the longest idle first, until so many bytes fit. Raises LabError."""
        lacking = needed - memory.room_bytes
        here = [r for r in self.residents("") if r.device == memory.device]
        idle = [r for r in here if not r.in_use and r.model not in keep]
        going: list[Resident] = []
        for resident in sorted(idle, key=lambda r: -r.idle_s):
            if lacking <= 0:
                break
            going.append(resident)
            lacking -= resident.held_bytes
        if lacking > 0 and not confirmed:
            stay = [resident for resident in here if resident not in idle]
            raise does_not_fit(name, spec.name, needed, memory, stay)
        for resident in going:
            log.warning("%s makes room for %s", resident.model, name)
            del self._held[resident.model]
        if going:
            release()


def estimated(config: PretrainedConfig, spec: PrecisionSpec) -> MemoryEstimate | None:
    """Return what a model's weights are expected to take, None for a family not counted there."""
    try:
        return estimate(config.to_dict(), spec.name)
    except LabError:
        return None


def needed_bytes(config: PretrainedConfig, spec: PrecisionSpec, device: torch.device) -> int:
    """Return the most that loading a model and one row's answer are expected to take."""
    try:
        found = estimate(config.to_dict(), spec.name, context=ANSWERS)
    except LabError:  # a family whose layers are not counted there
        return sum(parameter_bytes(config, spec))
    return found.peak_bytes if device.type == "cuda" else found.total_bytes


def parameter_bytes(config: PretrainedConfig, spec: PrecisionSpec) -> Iterator[int]:
    """Yield each parameter's bytes of any model that transformers knows; nothing is allocated."""
    with BUILDING, torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    linears = [m for m in model.modules() if isinstance(m, nn.Linear) and m is not head]
    quantised = {id(m.weight) for m in linears} if spec.quantization else set()
    for parameter in model.parameters():
        if id(parameter) in quantised:
            rows, cols = parameter.shape
            yield from linear_bytes(rows, cols, spec)
        else:
            yield parameter.numel() * BYTES[spec.dtype]
