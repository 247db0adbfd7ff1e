"""A model on the hub: what it takes, looked up before its weights are read, and its download.

huggingface_hub does the requests and owns the cache: its folders, locks, token, HF_ENDPOINT and
HF_HUB_OFFLINE. Its own `snapshot_download` (2.4) throws away the part of an interrupted file, and
does not compare hashes, and its `http_get` cannot be stopped while nothing comes; so large files
are fetched into the same cache here, by its client under its lock of that file, one after another,
and it links them afterwards.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from backend import hub_cache
from backend.errors import LabError
from backend.hub_faults import code_of, fault, told

SMALL = (".json", ".jinja", ".txt", "tokenizer.model")  # beside the weights, at the top
ANSWER_S = 10.0  # for what a model is; huggingface_hub's HF_HUB_DOWNLOAD_TIMEOUT is for bytes
LOCK_S = 0.5
RETRIES, PAUSE_S = 5, 1.0  # of a file, without a byte between them
CHUNK = 2**20  # bytes between two looks at "cancel"; also what an interruption loses at most
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


class Stopped(Exception):
    """The download was stopped by whoever watches it."""


class Watch(Protocol):
    """Who is told how far a download is."""

    def at(self, n_bytes: int, *, elsewhere: bool = False) -> None:
        """Be told the bytes there are now; `elsewhere`: another process fetches. Raises Stopped."""


class Unwatched:
    """Nobody looks."""

    def at(self, n_bytes: int, *, elsewhere: bool = False) -> None:
        """Go on."""


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file of a repository; `sha256` is empty where git holds it, as it does small ones."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class HubModel:
    """What the hub says of a model: the files that loading reads, and its config.json."""

    id: str
    commit: str
    files: tuple[HubFile, ...]
    config: Mapping[str, object]

    @property
    def bytes(self) -> int:
        """What a whole download is."""
        return sum(file.bytes for file in self.files)


def folder(model_id: str) -> Path | None:
    """Return the folder of a model that is whole in the cache, else None; no network. LabError."""
    with told(model_id):
        found = hub_cache.model_folder(model_id)
    if found is None:
        return None
    names = {WEIGHTS}
    if (found / INDEX).exists():
        names = set(json.loads((found / INDEX).read_text("utf-8"))["weight_map"].values())
    return found if all((found / name).exists() for name in names) else None


def look(model_id: str) -> HubModel:
    """Ask the hub for a model's files and fetch its config.json, nothing else. Raises LabError."""
    from huggingface_hub import HfApi, hf_hub_download

    with told(model_id):
        info = HfApi().model_info(model_id, files_metadata=True, timeout=ANSWER_S)
        files = tuple(
            HubFile(name=s.rfilename, bytes=s.size or 0, sha256=s.lfs.sha256 if s.lfs else "")
            for s in info.siblings or ()
            if "/" not in s.rfilename and (s.rfilename.endswith(SMALL) or _is_weights(s.rfilename))
        )
        if not any(_is_weights(file.name) for file in files):
            raise fault("hub_not_safetensors", model_id)
        if not any(file.name in (WEIGHTS, INDEX) for file in files):
            raise fault("hub_no_file", model_id, WEIGHTS)
        config = Path(hf_hub_download(model_id, "config.json", revision=info.sha))
        return HubModel(
            id=model_id,
            commit=str(info.sha),
            files=files,
            config=json.loads(config.read_text("utf-8")),
        )


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors") and not name.startswith("consolidated")  # Mistral's own


def download(model: HubModel, watch: Watch = Unwatched()) -> Path:
    """Fetch what is missing and return the model's folder; blocks. Raises LabError, Stopped.

    A part of a file that is there from before is gone on from.
    """
    from huggingface_hub import snapshot_download

    large = [file for file in model.files if file.sha256]
    with told(model.id):
        check_disk(model, missing_bytes(model))
        snapshot_download(
            model.id,
            revision=model.commit,
            allow_patterns=[file.name for file in model.files if not file.sha256],
        )
        there = model.bytes - missing_bytes(model)
        watch.at(there)
        for file in large:
            before = there - _there(model, file)
            _fetch(model, file, watch, before)
            there = before + file.bytes
            watch.at(there)
        snapshot_download(
            model.id, allow_patterns=[file.name for file in model.files]
        )  # makes the links and the ref "main"
    if found := folder(model.id):
        return found
    raise fault("hub_no_file", model.id, f"a file that {INDEX} names")


def get(model_id: str) -> Path:
    """Return a model's folder, downloaded where it is not whole in the cache. Raises LabError."""
    return folder(model_id) or download(look(model_id))


def missing_bytes(model: HubModel) -> int:
    """Return what a download would still fetch; parts of files count as there."""
    if folder(model.id):
        return 0
    return model.bytes - sum(_there(model, file) for file in model.files)


def check_disk(model: HubModel, n_bytes: int) -> None:
    """Refuse a download that the cache's disk has no room for. Raises LabError."""
    place = _repo(model.id)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if n_bytes > free:
        raise LabError(
            "disk_full",
            f"{model.id} needs {n_bytes} bytes more, {free} are free on the cache's disk",
            "Delete a model, or set HF_HUB_CACHE to a larger disk",
            model=model.id,
            needed_gb=f"{n_bytes / 1e9:.2f}",
            free_gb=f"{free / 1e9:.2f}",
        )


def _repo(model_id: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model_id, repo_type="model")


def _blob(model: HubModel, file: HubFile) -> Path:
    return _repo(model.id) / "blobs" / file.sha256


def _part(model: HubModel, file: HubFile) -> Path:
    return _blob(model, file).with_suffix(".part")


def _there(model: HubModel, file: HubFile) -> int:
    """Return how many of a file's bytes are in the cache, as a whole or as a part."""
    paths = [_repo(model.id) / "snapshots" / model.commit / file.name]
    if file.sha256:
        paths = [_blob(model, file), _part(model, file)]
    for path in paths:
        if path.exists():
            return min(path.stat().st_size, file.bytes)
    return 0


def _fetch(model: HubModel, file: HubFile, watch: Watch, before: int) -> None:
    """Fetch one large file under huggingface_hub's lock; `before`: the other files' bytes."""
    from filelock import Timeout
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock

    blob, part = _blob(model, file), _part(model, file)
    lock = Path(constants.HF_HUB_CACHE, ".locks", _repo(model.id).name, f"{file.sha256}.lock")
    for place in (lock, blob):
        place.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        while not blob.exists():
            try:
                held.enter_context(WeakFileLock(lock, timeout=LOCK_S))
            except Timeout:
                watch.at(before + _there(model, file), elsewhere=True)
                continue
            break
        if blob.exists():
            return
        _append(model, file, part, watch, before)
        if part.stat().st_size != file.bytes or sha256(part) != file.sha256:
            part.unlink()
            raise fault("hub_broken", model.id, file.name)
        part.replace(blob)


def _append(model: HubModel, file: HubFile, part: Path, watch: Watch, before: int) -> None:
    """Add to a part what is missing of its file; a connection that breaks is made again."""
    with part.open("ab") as out:
        if out.tell() > file.bytes:
            out.truncate(out.seek(0))
        failed, there = 0, -1
        while there < file.bytes:
            there = out.tell()
            watch.at(before + there)
            try:
                return _receive(model, file, out, watch, before)
            except Exception as error:
                failed = 1 if out.tell() > there else failed + 1
                if code_of(error) not in ("hub_stalled", "hub_unreachable") or failed > RETRIES:
                    raise
            time.sleep(PAUSE_S)


def _receive(model: HubModel, file: HubFile, out: BinaryIO, watch: Watch, before: int) -> None:
    """Add what one answer of the hub holds, which may break off, to the end of `out`."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

    headers = build_hf_headers()
    if out.tell():
        headers["Range"] = f"bytes={out.tell()}-"
    with http_stream_backoff(
        "GET",
        hf_hub_url(model.id, file.name, revision=model.commit),
        headers=headers,
        timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        retry_on_exceptions=(),
        retry_on_status_codes=(408, 429),
    ) as response:
        hf_raise_for_status(response)
        if response.status_code != 206:
            out.truncate(out.seek(0))
        for chunk in response.iter_bytes(CHUNK):
            watch.at(before + out.tell())  # before it is written: what was told is there
            out.write(chunk)


def sha256(path: Path) -> str:
    """Return the hash under which the hub knows a large file; about 1 s per GB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
