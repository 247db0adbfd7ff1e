"""A hub on this machine: as much of its HTTP as huggingface_hub asks for, and its misfortunes.

`api/models/ID` and `/tree`, `ID/resolve/COMMIT/FILE` with HEAD, ETag, X-Repo-Commit and ranges.
"""

import asyncio
import functools
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

COMMIT = "a" * 40
PIECE = 2**14
TOKEN = "hf_right"
Access = Literal["open", "gated", "private"]
Fault = Literal["cut", "stall", "slow", "changed", "short"]


@dataclass
class Repo:
    """A repository: its files, and who may read them."""

    files: dict[str, bytes]
    access: Access = "open"


@dataclass
class Hub:
    """The hub's repositories, what goes wrong with their files, and what was asked for.

    A fault holds for the next `times` answers with that file's bytes. `sent` counts the bytes that
    were sent of each file.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    faults: dict[str, tuple[Fault, int]] = field(default_factory=dict)
    down: int = 0  # the status of all answers, where it is not 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range
    sent: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        path = request.url.path.lstrip("/")
        self.asked.append((request.method, path, request.headers.get("range", "")))
        if self.down:
            return Response(status_code=self.down)
        api = path.startswith("api/models/")
        parts = path.removeprefix("api/models/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        repo = self.repos.get(name)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token != TOKEN:
            return refusal(401, "", "Invalid credentials in Authorization header")
        if repo is None or (repo.access == "private" and not token):
            return refusal(404 if token else 401, "RepoNotFound", "Repository not found")
        if repo.access == "gated" and not token and not api:
            return refusal(401, "GatedRepo", f"Access to model {name} is restricted")
        if api:
            return JSONResponse(listed(repo) if rest[:1] == ["tree"] else told(name, repo))
        return self.file(repo, rest[-1], request)

    def file(self, repo: Repo, name: str, request: Request) -> Response:
        """Answer with a file, from the byte that is asked for."""
        if name not in repo.files:
            return refusal(404, "EntryNotFound", "Entry not found")
        data = repo.files[name]
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{digest(data)}"',
            "Content-Length": str(len(data)),
        }
        if request.method == "HEAD":
            return Response(headers=headers)
        fault = self.fault(name)
        if fault == "short":
            data = data[:-1]
            headers["Content-Length"] = str(len(data))
        if fault == "changed":
            data = bytes([data[0] ^ 1]) + data[1:]
        first = int(request.headers.get("range", "bytes=0-")[6:].split("-")[0])
        headers["Content-Length"] = str(len(data) - first)
        status = 200
        if first:
            status = 206
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return StreamingResponse(self.body(name, data[first:], fault), status, headers)

    def fault(self, name: str) -> Fault | None:
        """Return what goes wrong now, once less from now on."""
        fault, times = self.faults.get(name, (None, 0))
        if times > 1:
            self.faults[name] = (fault, times - 1)  # type: ignore[assignment]
        else:
            self.faults.pop(name, None)
        return fault

    async def body(self, name: str, data: bytes, fault: Fault | None) -> AsyncIterator[bytes]:
        """Yield the bytes, as far as the fault lets them come."""
        end = {"cut": len(data) // 2, "stall": min(7 * len(data) // 8, len(data) - PIECE)}
        for at in range(0, len(data), PIECE):
            if fault in end and at >= end[fault]:
                while fault == "stall" and not self.over.is_set():
                    await asyncio.sleep(0.01)
                return
            if fault == "slow":
                await asyncio.sleep(0.01)
            piece = data[at : at + PIECE]
            self.sent[name] = self.sent.get(name, 0) + len(piece)
            yield piece

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve for as long as the block lasts; the address."""
        app = Starlette(
            routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD", "POST"])]
        )
        config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        self.over.set()
        server.should_exit = True
        thread.join(10)


def large(name: str) -> bool:
    """True for what the real hub holds by its hash (LFS), not in git."""
    return name.endswith(".safetensors")


@functools.cache
def digest(data: bytes) -> str:
    """Return a file's hash, its ETag."""
    return hashlib.sha256(data).hexdigest()


def entry(name: str, data: bytes) -> dict[str, object]:
    """Return a file as the hub lists it."""
    found: dict[str, object] = {"size": len(data), "oid": digest(data)[:40], "blobId": "b" * 40}
    if large(name):
        found["lfs"] = {"oid": digest(data), "sha256": digest(data), "size": len(data)}
        found["lfs"] |= {"pointerSize": 134}  # type: ignore[operator]
    return found


def told(name: str, repo: Repo) -> dict[str, object]:
    """Return what the hub says of a model."""
    return {
        "id": name,
        "sha": COMMIT,
        "private": repo.access == "private",
        "gated": "manual" if repo.access == "gated" else False,
        "disabled": False,
        "tags": [],
        "siblings": [{"rfilename": n, **entry(n, data)} for n, data in repo.files.items()],
    }


def listed(repo: Repo) -> list[dict[str, object]]:
    """Return the tree of a repository."""
    return [{"type": "file", "path": n, **entry(n, data)} for n, data in repo.files.items()]


def refusal(status: int, code: str, message: str) -> Response:
    """Refuse as the hub does, with the reason in the headers."""
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return JSONResponse({"error": message}, status, headers=headers)
