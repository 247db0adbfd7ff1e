"""How much memory a device has, who holds it, and how much of it a model can still take.

On CUDA torch's allocator counts its own to the byte, and the driver says what is left, whoever
holds the rest (https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management). In a
container the CPU's memory is what its cgroup allows. Importing this module imports no torch.
"""

import os
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # version 2: the container's own limit
# what CUDA, its kernels and its libraries take in one process, at most; beyond it somebody else's
CONTEXT_BYTES = 768 * 2**20


@dataclass(frozen=True, kw_only=True)
class DeviceMemory:
    """One device. On CUDA torch reserves memory in pieces and allocates tensors in them."""

    device: str
    total_bytes: int
    used_bytes: int  # by everybody
    ours_bytes: int  # of them by this process
    allocated_bytes: int = 0  # by torch's tensors; CUDA only
    allocated_peak_bytes: int = 0
    reserved_bytes: int = 0  # by torch's allocator, the allocated ones included

    @property
    def others_bytes(self) -> int:
        """What other processes hold."""
        return max(self.used_bytes - self.ours_bytes, 0)

    @property
    def room_bytes(self) -> int:
        """What a model can still take: free, or reserved by torch and empty."""
        return self.total_bytes - self.used_bytes + self.reserved_bytes - self.allocated_bytes


def look(device: str) -> DeviceMemory:
    """Measure a device ("cpu", "cuda", "cuda:1")."""
    if not device.startswith("cuda"):
        return _host()
    import torch

    free, total = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device)
    outside = max(total - free - reserved, 0)  # CUDA's own in this process, and other processes
    return DeviceMemory(
        device=device,
        total_bytes=total,
        used_bytes=total - free,
        ours_bytes=reserved + min(outside, CONTEXT_BYTES),
        allocated_bytes=torch.cuda.memory_allocated(device),
        allocated_peak_bytes=torch.cuda.max_memory_allocated(device),
        reserved_bytes=reserved,
    )


def together(device: str) -> DeviceMemory:
    """Measure a device; "cuda", without a number, is all cards that torch sees."""
    if device != "cuda":
        return look(device)
    import torch

    cards = [look(f"cuda:{n}") for n in range(torch.cuda.device_count())]
    return DeviceMemory(
        device=device,
        total_bytes=sum(card.total_bytes for card in cards),
        used_bytes=sum(card.used_bytes for card in cards),
        ours_bytes=sum(card.ours_bytes for card in cards),
        allocated_bytes=sum(card.allocated_bytes for card in cards),
        allocated_peak_bytes=sum(card.allocated_peak_bytes for card in cards),
        reserved_bytes=sum(card.reserved_bytes for card in cards),
    )


def host_memory() -> tuple[int, int]:
    """Return this process's resident bytes and the machine's memory."""
    page = os.sysconf("SC_PAGE_SIZE")
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
    return resident, os.sysconf("SC_PHYS_PAGES") * page


def _host() -> DeviceMemory:
    ours, total = host_memory()
    table = dict(
        line.split(":", 1) for line in Path("/proc/meminfo").read_text("utf-8").splitlines()
    )
    used = total - int(table["MemAvailable"].split()[0]) * 1024
    limit = _number(CGROUP / "memory.max")
    if limit is not None and limit < total:
        inactive = 0  # files that the kernel gives up when memory is asked for
        if (stat := CGROUP / "memory.stat").is_file():
            lines = dict(line.split() for line in stat.read_text("utf-8").splitlines())
            inactive = int(lines.get("inactive_file", 0))
        total, used = limit, max((_number(CGROUP / "memory.current") or 0) - inactive, ours)
    return DeviceMemory(
        device="cpu", total_bytes=total, used_bytes=max(used, ours), ours_bytes=ours
    )


def _number(path: Path) -> int | None:
    text = path.read_text("utf-8").strip() if path.is_file() else ""
    return int(text) if text.isdigit() else None  # "max": no limit


def gib(n_bytes: int) -> str:
    """Write bytes as an error says them."""
    return f"{n_bytes / 2**30:.2f} GiB"
