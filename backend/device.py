"""The device that models go on: what it holds, and why a card that is there cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend import device_memory
from backend.device_memory import DeviceMemory
from backend.errors import LabError
from backend.memory import estimate
from backend.precision import PRECISIONS
from backend.settings import Settings

NVIDIA = ("/dev/nvidia0", "/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg")  # dxg: WSL


@dataclass(frozen=True, kw_only=True)
class Room:
    """The device's memory in bytes; `cards`: of each CUDA card, empty on CPU."""

    name: str
    bytes: int
    cards: tuple[int, ...]
    fault: LabError | None  # why a card that is there is not used


def room(settings: Settings) -> Room:
    """Return the memory that models may take; imports torch."""
    import torch

    wrong = cuda_fault()
    if settings.device == "cpu" or wrong or not torch.cuda.is_available():
        wrong = None if settings.device == "cpu" else wrong
        return Room(name="CPU", bytes=device_memory.look("cpu").total_bytes, cards=(), fault=wrong)
    numbers = range(torch.cuda.device_count())
    cards = tuple(device_memory.look(f"cuda:{n}").total_bytes for n in numbers)
    return Room(name=torch.cuda.get_device_name(), bytes=sum(cards), cards=cards, fault=None)


def cuda_fault() -> LabError | None:
    """Return why an NVIDIA card cannot be used, None where it can be or there is none."""
    import torch

    if torch.cuda.is_available():
        return arch_fault(torch.cuda.get_device_capability(), torch.cuda.get_arch_list())
    if not any(Path(path).exists() for path in NVIDIA):
        return None
    if torch.version.cuda is None:
        return LabError(
            "cuda_build",
            "there is an NVIDIA card, but this torch is built without CUDA",
            "Install the CUDA build of torch, or set LAB_DEVICE=cpu",
        )
    try:
        torch.cuda.init()
        reason = "CUDA starts, but reports no device"
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:200]
    return LabError(
        "cuda_driver",
        f"there is an NVIDIA card, but CUDA {torch.version.cuda} cannot use it: {reason}",
        "Update the driver, install a torch built for an older CUDA, or give a container the card",
        reason=reason,
        value=torch.version.cuda,
    )


def arch_fault(capability: tuple[int, int], built: list[str]) -> LabError | None:
    """Return what is wrong where torch has no code for a card.

    `built` is torch's `get_arch_list`: sm_XY runs on X.Y and later minors, compute_XY (PTX) on
    everything later (CUDA C++ Programming Guide, compute capability).
    """
    major, minor = capability
    for name in built:
        kind, _, digits = name.partition("_")
        number = int("".join(c for c in digits if c.isdigit()))
        if kind == "compute" and number <= 10 * major + minor:
            return None
        if kind == "sm" and number // 10 == major and number % 10 <= minor:
            return None
    return LabError(
        "cuda_arch",
        f"this torch has no code for a card of compute capability {major}.{minor}",
        "Install a torch that is built for it, or set LAB_DEVICE=cpu",
        value=f"{major}.{minor}",
        allowed=", ".join(built),
    )


def too_big(model: str, config: Mapping[str, object], room: Room) -> LabError | None:
    """Return why no precision of a model fits at all, from its shape; None where one does.

    A family whose layers are not counted passes.
    """
    needed = weights(config)
    if not needed or min(needed.values()) <= room.bytes:
        return None
    precision, least = min(needed.items(), key=lambda item: item[1])
    return LabError(
        "model_too_big",
        f"{model} takes {least / 1e9:.1f} GB even at {precision}, {room.name} has"
        f" {room.bytes / 1e9:.1f} GB",
        "Choose a smaller model",
        model=model,
        precision=precision,
        needed_gb=f"{least / 1e9:.1f}",
        room_gb=f"{room.bytes / 1e9:.1f}",
        device=room.name,
    )


def weights(config: Mapping[str, object]) -> dict[str, int]:
    """Return the bytes of a model's weights by precision, none for a family not counted here."""
    try:
        return {name: estimate(config, name).allocated_bytes for name in PRECISIONS}
    except LabError:
        return {}


def spread(config: Mapping[str, object], precision: str) -> bool:
    """Return whether a model's weights need several cards: they are more than the first has left.

    Asks for a CUDA device; a family whose layers are not counted stays on one card.
    """
    import torch

    if torch.cuda.device_count() < 2:
        return False
    return weights(config).get(precision, 0) > device_memory.look("cuda:0").room_bytes


def memory_for(config: Mapping[str, object], precision: str, device: str) -> DeviceMemory:
    """Measure the device that a model goes on: all cards together where one is too small."""
    if not device.startswith("cuda") or not spread(config, precision):
        return device_memory.look(device)
    return device_memory.together("cuda")
