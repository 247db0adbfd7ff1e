"""The Hugging Face folders: where they are, what lies in them, where a token is looked for.

No token's value leaves this module. A repository is deleted by its id, never by a path.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backend.errors import LabError

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo

VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HF_ASSETS_CACHE", "HF_TOKEN_PATH")
ASK = (
    "import json; from huggingface_hub import constants, get_token;"
    f"print(json.dumps([*(getattr(constants, name) for name in {VARIABLES!r}),"
    " get_token() is not None]))"
)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One of huggingface_hub's paths, as resolved in this process; `bytes` of what lies there."""

    variable: str
    path: Path
    is_set: bool  # by the environment; otherwise it follows from the one above
    exists: bool
    bytes: int


@dataclass(frozen=True, kw_only=True)
class CachedRepo:
    """A repository in the cache, with the bytes it takes on disk."""

    id: str
    kind: Literal["model", "dataset", "space", "kernel"]
    bytes: int
    files: int


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Where huggingface_hub looks under some environment, and whether it finds a token."""

    home: str
    hub: str
    assets: str
    token: str
    logged_in: bool


def folders() -> list[Folder]:
    """Return the four paths of this process; walks them, so it takes as long as they are large."""
    from huggingface_hub import constants

    paths = (
        constants.HF_HOME,
        constants.HF_HUB_CACHE,
        constants.HF_ASSETS_CACHE,
        constants.HF_TOKEN_PATH,
    )
    return [
        Folder(
            variable=variable,
            path=Path(path),
            is_set=variable in os.environ,
            exists=Path(path).exists(),
            bytes=tree_bytes(Path(path)),
        )
        for variable, path in zip(VARIABLES, paths)
    ]


def tree_bytes(path: Path) -> int:
    """Return the bytes of a file or of all files below a folder; links count as links."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # a download moves its files
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def cache_disk() -> tuple[int, int]:
    """Return the used and free bytes of the disk that holds the Hugging Face cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.used, usage.free


def token_source() -> Literal["environment", "file", "none"]:
    """Say where this process has a token from, as huggingface_hub looks: the variable first."""
    from huggingface_hub import constants

    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return "environment"
    path = Path(constants.HF_TOKEN_PATH)
    return "file" if path.is_file() and path.stat().st_size else "none"


def cached(folder: Path | None = None) -> list[CachedRepo]:
    """Return the repositories in the cache (this process's by default), the largest first."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        repos = scan_cache_dir(folder).repos
    except CacheNotFound:
        return []
    found = [
        CachedRepo(id=r.repo_id, kind=r.repo_type, bytes=_held(r), files=r.nb_files) for r in repos
    ]
    return sorted(found, key=lambda repo: (-repo.bytes, repo.id))


def delete(repo_id: str, *, in_use: Sequence[str], folder: Path | None = None) -> int:
    """Delete every revision of a cached repository and return the bytes freed. Raises LabError."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    if repo_id in in_use:
        raise LabError(
            "cache_in_use", f"{repo_id} is loaded", "Load another model first", model=repo_id
        )
    try:
        info = scan_cache_dir(folder)
    except CacheNotFound:
        info = None
    repos = [repo for repo in info.repos if repo.repo_id == repo_id] if info else []
    if not info or not repos:
        raise LabError(
            "cache_unknown",
            f"{str(repo_id)[:80]!r} is not in the cache",
            "Choose one of those listed",
            value=str(repo_id)[:80],
        )
    freed = sum(map(_held, repos))
    for repo in repos:  # alone: a copy under another id has the same revisions
        alone = dataclasses.replace(info, repos=frozenset({repo}))
        alone.delete_revisions(*(revision.commit_hash for revision in repo.revisions)).execute()
    return freed


def _held(repo: "CachedRepoInfo") -> int:
    """Return what a repository takes on disk, the parts of an interrupted download too."""
    return max(repo.size_on_disk, tree_bytes(repo.repo_path / "blobs"))


def resolve(env: Mapping[str, str]) -> Resolved:
    """Ask huggingface_hub in a process of its own what it resolves under `env`; about 0.3 s.

    The process gets `env` and nothing else: huggingface_hub expands `$NAME` in these variables,
    and nobody shall read this process's secrets that way. Raises LabError.
    """
    if any("\0" in value or len(value) > 500 for value in env.values()):
        raise LabError(
            "out_of_range",
            "a folder's name is a line of at most 500 characters",
            field="HF_HOME",
            value="...",
            allowed="a line of at most 500 characters",
        )
    done = subprocess.run(
        [sys.executable, "-I", "-c", ASK], env=dict(env), capture_output=True, check=True, text=True
    )
    home, hub, assets, token, logged_in = json.loads(done.stdout.splitlines()[-1])
    return Resolved(home=home, hub=hub, assets=assets, token=token, logged_in=logged_in)


def under(hf_home: str, hf_hub_cache: str = "") -> Resolved:
    """Return what a student's shell with these variables resolves; the home is nobody's here."""
    given = {"HOME": "/home/student", "HF_HOME": hf_home, "HF_HUB_CACHE": hf_hub_cache}
    return resolve({name: value for name, value in given.items() if value})


def moved() -> list[tuple[str, Resolved]]:
    """Log in, then move HF_HOME (errata 23), in an empty home with a token that opens nothing.

    Returns (environment as text, what is resolved) for: logged in; HF_HOME moved afterwards; the
    same with HF_TOKEN_PATH left at home. Paths are written with `~`.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = os.path.realpath(folder)
        token = Path(home, ".cache", "huggingface", "token")
        token.parent.mkdir(parents=True)
        token.write_text("hf_this_opens_nothing")
        shared = f"{home}/shared/huggingface"
        steps: list[tuple[str, dict[str, str]]] = [
            ("", {}),
            ("HF_HOME", {"HF_HOME": shared}),
            ("HF_HOME + HF_TOKEN_PATH", {"HF_HOME": shared, "HF_TOKEN_PATH": str(token)}),
        ]
        found = []
        for name, extra in steps:
            r = resolve({"HOME": home, **extra})
            paths = [path.replace(home, "~") for path in (r.home, r.hub, r.assets, r.token)]
            names = ("home", "hub", "assets", "token")
            found.append((name, Resolved(**dict(zip(names, paths)), logged_in=r.logged_in)))
        return found


def model_folder(source: str) -> Path | None:
    """Return the folder of a model's files: itself, or its newest snapshot in the cache."""
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source, "config.json")
    return Path(config).parent if isinstance(config, str) else None


def tokenizer_files(folder: Path | None = None) -> list[tuple[str, Path]]:
    """Return (id, tokenizer.json) of every model in the cache that has one, sorted by id."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        repos = scan_cache_dir(folder).repos
    except CacheNotFound:
        return []
    found = {
        repo.repo_id: file.file_path
        for repo in repos
        for revision in repo.revisions
        for file in revision.files
        if repo.repo_type == "model" and file.file_name == "tokenizer.json"
    }
    return sorted(found.items())
