"""Measured: who holds how much of a device's memory, and what is left over beside what is counted.

On CUDA torch's allocator counts all tensors. On a CPU nothing does: weights and caches are counted
one by one, and the rest of the process's resident memory is `other`. Importing this module imports
no torch.
"""

import resource
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from backend import device_memory
from backend.device_memory import CONTEXT_BYTES, DeviceMemory, gib
from backend.errors import LabError
from backend.memory import CUBLAS_BYTES, MemoryEstimate

Component = Literal["weights", "quant_state", "kv_cache", "activations", "other"]
Reason = Literal["libraries", "workspace", "cached", "context", "rest"]


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Bytes of one component now, and the most since the process started.

    `model` is empty for what is no single model's. `activations` on CUDA are all tensors beside
    weights and cache, cuBLAS's workspace too, and their most is that since the last load, which
    counts its own; on a CPU the logits that are kept between steps.
    """

    component: Component
    device: str
    model: str
    bytes: int
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A model in memory and who needs it."""

    model: str
    precision: str
    device: str
    weights_bytes: int
    quant_state_bytes: int
    kv_cache_bytes: int
    logits_bytes: int  # kept between two steps
    estimated: MemoryEstimate | None  # of the weights alone; None for a family not counted here
    load_peak_bytes: int  # what loading took at its fullest; 0 where nothing counts it
    in_use: int  # requests and jobs of it that wait or run
    idle_s: float  # since somebody last asked for it
    current: bool  # requests without a model's name go to it
    leaving: bool  # unloaded; it stays until what runs on it has ended

    @property
    def held_bytes(self) -> int:
        """Weights and quantisation state, counted tensor by tensor."""
        return self.weights_bytes + self.quant_state_bytes

    @property
    def residual_bytes(self) -> int | None:
        """What was counted less what was estimated."""
        if self.estimated is None:
            return None
        return self.held_bytes - self.estimated.weights_bytes - self.estimated.quant_state_bytes


@dataclass(frozen=True, kw_only=True)
class Residual:
    """A part of `activations` or `other` that can be named."""

    device: str
    component: Component
    reason: Reason
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Everything at one moment. A device's holdings add up to what this process has of it."""

    devices: tuple[DeviceMemory, ...] = ()
    residents: tuple[Resident, ...] = ()
    holdings: tuple[Holding, ...] = ()
    residuals: tuple[Residual, ...] = ()


@dataclass
class Peaks:
    """The most bytes of KV cache and of kept logits, by model. Written by the model thread."""

    kv_cache: dict[str, int] = field(default_factory=dict)
    logits: dict[str, int] = field(default_factory=dict)

    def note(self, model: str, kv_cache_bytes: int, logits_bytes: int) -> None:
        """Take in what a model holds now."""
        if kv_cache_bytes > self.kv_cache.get(model, -1):
            self.kv_cache[model] = kv_cache_bytes
        if logits_bytes > self.logits.get(model, -1):
            self.logits[model] = logits_bytes


def ledger(residents: Sequence[Resident], peaks: Peaks, libraries_bytes: int) -> Ledger:
    """Measure every device that a model is on, and the CPU.

    `libraries_bytes`: the process's resident memory before the first load.
    """
    names = dict.fromkeys(("cpu", *(resident.device for resident in residents)))
    devices = tuple(device_memory.together(name) for name in names)
    holdings: list[Holding] = []
    residuals: list[Residual] = []
    for device in devices:
        mine = [resident for resident in residents if resident.device == device.device]
        counted = list(_counted(mine, peaks, on_cpu=device.device == "cpu"))
        known = sum(holding.bytes for holding in counted)
        most = sum(holding.peak_bytes for holding in counted)
        of_device: list[tuple[Component, int, int, Mapping[Reason, int]]] = []
        if device.device == "cpu":
            other = max(device.ours_bytes - known, 0)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - most
            of_device.append(("other", other, peak, {"libraries": libraries_bytes}))
        else:
            left = max(device.allocated_bytes - known, 0)
            peak = device.allocated_peak_bytes - most
            of_device.append(("activations", left, peak, {"workspace": CUBLAS_BYTES}))
            cached = device.reserved_bytes - device.allocated_bytes
            other = device.ours_bytes - device.allocated_bytes
            of_device.append(("other", other, other, {"cached": cached, "context": CONTEXT_BYTES}))
        for component, held, peak, reasons in of_device:
            counted.append(
                Holding(
                    component=component,
                    device=device.device,
                    model="",
                    bytes=held,
                    peak_bytes=max(peak, held),
                )
            )
            residuals += _explained(device.device, component, held, reasons)
        holdings += counted
    return Ledger(
        devices=devices,
        residents=tuple(residents),
        holdings=tuple(holdings),
        residuals=tuple(residuals),
    )


def _counted(residents: Iterable[Resident], peaks: Peaks, *, on_cpu: bool) -> Iterable[Holding]:
    """Yield what is counted tensor by tensor; copies of one model at two precisions together."""
    held: dict[tuple[Component, str], list[int]] = {}
    device = ""
    for r in residents:
        device = r.device
        parts: dict[Component, int] = {
            "weights": r.weights_bytes,
            "quant_state": r.quant_state_bytes,
            "kv_cache": r.kv_cache_bytes,
        }
        if on_cpu:
            parts["activations"] = r.logits_bytes
        for component, n in parts.items():
            held.setdefault((component, r.model), []).append(n)
    seen = {"kv_cache": peaks.kv_cache, "activations": peaks.logits}
    for (component, model), sizes in held.items():
        now = sum(sizes)
        most = seen.get(component, {}).get(model, 0)
        yield Holding(
            component=component, device=device, model=model, bytes=now, peak_bytes=max(now, most)
        )


def _explained(
    device: str, component: Component, held: int, reasons: Mapping[Reason, int]
) -> Iterable[Residual]:
    """Divide what is left over among its reasons, in their order, each at most its bytes."""
    for reason, most in reasons.items():
        part = min(held, max(most, 0))
        held -= part
        yield Residual(device=device, component=component, reason=reason, bytes=part)
    yield Residual(device=device, component=component, reason="rest", bytes=held)


def does_not_fit(
    model: str, precision: str, needed_bytes: int, memory: DeviceMemory, busy: Sequence[Resident]
) -> LabError:
    """Return what is said before a model is loaded that finds no room; `busy`: who stays."""
    kept = ", ".join(f"{r.model} ({gib(r.held_bytes)})" for r in busy) or "–"
    return LabError(
        "does_not_fit",
        f"{model} at {precision} needs {gib(needed_bytes)}, and {memory.device} has"
        f" {gib(memory.room_bytes)} left of {gib(memory.total_bytes)}; models in use: {kept};"
        f" other processes: {gib(memory.others_bytes)}",
        "Choose fewer bits or a smaller model, wait until a model in use is idle, or end the other"
        " process; the teacher's page can load it all the same",
        model=model,
        precision=precision,
        needed=gib(needed_bytes),
        device=memory.device,
        free=gib(memory.room_bytes),
        total=gib(memory.total_bytes),
        kept=kept,
        others=gib(memory.others_bytes),
    )
