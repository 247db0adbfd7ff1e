"""What is said where a request, a job or a load went wrong, and memory that is given back."""

from collections.abc import Callable

import torch

from backend.errors import LabError
from backend.types import ModelInfo

OOM = "out_of_memory"  # the code of the error below
# what torch's CPU allocator, cuBLAS and the CUDA runtime say, which are no OutOfMemoryErrors
SAYINGS = (
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDA out of memory",
    "CUDA error: out of memory",
)


def is_oom(error: BaseException) -> bool:
    """True where memory ran out, on the device or in the process."""
    if isinstance(error, LabError):
        return error.code == OOM
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in SAYINGS)


def out_of_memory(info: ModelInfo) -> LabError:
    """Return what is told; it holds no traceback, whose frames would hold the memory."""
    return LabError(
        OOM,
        f"{info.device} ran out of memory while {info.model} was running",
        "Run it again with a shorter prompt or fewer sequences; the teacher can lower the limits",
        model=info.model,
        precision=info.precision,
        device=info.device,
        status=503,
        retry_after_s=10,
    )


def load_oom(model: str, precision: str, device: torch.device) -> LabError:
    """Return what is told where a load, that seemed to fit, found no room."""
    return LabError(
        "load_oom",
        f"{device} ran out of memory while {model} was being loaded at {precision}",
        "Choose fewer bits or a smaller model, or unload another first",
        model=model,
        precision=precision,
        device=str(device),
    )


def as_told(error: Exception, info: ModelInfo) -> Exception:
    """Return the error itself, or for memory that ran out one that holds nothing."""
    return out_of_memory(info) if is_oom(error) else error


def found_room(do: Callable[[], object], device: torch.device) -> bool:
    """Do something on a device; False where it ran out of memory, which has been given back."""
    try:
        do()
        return True
    except Exception as error:
        if not is_oom(error):
            raise
    give_back(device)  # outside the handler, whose frames hold tensors
    return False


def give_back(device: torch.device) -> None:
    """Return what the allocator holds and nobody uses; to be called outside the handler."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def unsound(info: ModelInfo) -> LabError:
    """Return what the reader of a row with a NaN among its logits is told."""
    return LabError(
        "not_a_number",
        f"{info.model} at {info.precision} computed something that is not a number",
        "Try another prompt; if it happens again, the teacher can load another precision",
        model=info.model,
        precision=info.precision,
    )
