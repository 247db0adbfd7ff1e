"""What goes wrong between here and the hub, told as LabErrors: which, and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import LabError

# code: message, hint
FAULTS: dict[str, tuple[str, str]] = {
    "hub_id": (
        "{model} is not a name on the hub",
        "A name is organisation/name, as in the address of the model's page",
    ),
    "hub_gated": (
        "{model} is gated: its makers want to be asked",
        "Accept the licence on the model's page, then set HF_TOKEN to a token of that account",
    ),
    "hub_token": (
        "the hub refuses the token",
        "Set HF_TOKEN to a valid one, or unset it: open models need none",
    ),
    "hub_missing": (
        "{model} is not on the hub, or is private",
        "Check the spelling; a private model needs HF_TOKEN",
    ),
    "hub_no_file": (
        "{model} lacks a file that transformers needs: {reason}",
        "Choose a repository made for transformers",
    ),
    "hub_not_safetensors": (
        "{model} has no weights as safetensors",
        "Other formats can run code when they are read: choose another model",
    ),
    "hub_broken": (
        "{reason} of {model} did not arrive as the hub describes it, and was thrown away",
        "Download again; if it happens again, something between here and the hub changes files",
    ),
    "hub_offline": (
        "HF_HUB_OFFLINE is set, and {model} is not whole in the cache",
        "Choose a model in the cache, or unset HF_HUB_OFFLINE",
    ),
    "hub_stalled": (
        "the hub has sent nothing for too long",
        "What has arrived is kept: go on later",
    ),
    "hub_unreachable": (
        "the hub cannot be reached: {reason}",
        "Check the network, the proxy and HF_ENDPOINT; what has arrived is kept",
    ),
    "hub_busy": ("the hub asks to wait (429)", "Go on in some minutes; a token may be let in more"),
    "hub_server": ("the hub answers {reason}", "Go on later; what has arrived is kept"),
    "disk_filled": (
        "the cache's disk became full before {model} was whole",
        "Delete a model, or set HF_HUB_CACHE to a larger disk; what has arrived is kept",
    ),
    "cache_denied": (
        "the cache cannot be written: {reason}",
        "Give this user the folder, or set HF_HUB_CACHE to another",
    ),
}


@contextmanager
def told(model_id: str) -> Iterator[None]:
    """Turn what huggingface_hub raises inside into a LabError; anything unknown passes."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        code = code_of(error)
        if code is None:
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise fault(code, model_id, reason) from error


def fault(code: str, model_id: str, reason: str = "") -> LabError:
    """Return the error of FAULTS; `reason` is what the hub or the system said, or a file."""
    values = {"model": model_id, "reason": reason}
    message, hint = FAULTS[code]
    return LabError(code, message.format(**values), hint, **values)


def code_of(error: BaseException) -> str | None:
    """Return the code of an error, looked for also in what caused it; None: not the hub's.

    The transport's errors go by their names: huggingface_hub has changed the library beneath
    (requests, httpx, httpx2).
    """
    from huggingface_hub import errors

    if isinstance(error, errors.HFValidationError):
        return "hub_id"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "hub_offline"
    if isinstance(error, errors.HfHubHTTPError):
        return _code_of_answer(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ReadTimeout", "WriteTimeout"}:
        return "hub_stalled"
    if names & {"TransportError", "ConnectionError"}:
        return "hub_unreachable"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_filled"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "cache_denied"
    if error.__cause__ and (code := code_of(error.__cause__)):
        return code  # LocalEntryNotFoundError, FileMetadataError: the network is their cause
    return "hub_unreachable" if isinstance(error, errors.FileMetadataError) else None


def _code_of_answer(error: Exception) -> str:
    from huggingface_hub import errors

    status = error.response.status_code  # type: ignore[attr-defined]
    if isinstance(error, errors.GatedRepoError):
        return "hub_gated"
    if isinstance(error, errors.EntryNotFoundError):
        return "hub_no_file"
    absent = (errors.RepositoryNotFoundError, errors.RevisionNotFoundError)
    if isinstance(error, (*absent, errors.DisabledRepoError)):
        return "hub_missing"
    if status in (401, 403):
        return "hub_token"
    return "hub_busy" if status == 429 else "hub_server"
