"""How answers travel: pages and assets made and compressed once, event streams never held back.

Plain ASGI, so that streams and their disconnects pass through untouched. The page is the same for
everybody but for its language (the path) and the address it was asked at, which Gradio writes in.
"""

import asyncio
import gzip
import hashlib
import re
from dataclasses import dataclass
from typing import Any

import brotli  # type: ignore[import-untyped]
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = re.compile(r"(/ja)?/(config|gradio_api/info)?")
ASSET = re.compile(r"(/ja)?/(assets/.+|static/.+|theme\.css|favicon\.ico|manifest\.json)")
HASHED = re.compile(r"/assets/.+-[\w-]{8}\.\w+")  # the name changes with what is in the file
TEXTUAL = ("text/", "application/javascript", "application/json", "image/svg+xml")
# what Gradio builds its root from
ADDRESS = ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix")
MOST_ASSETS, MOST_PAGES = 2000, 16  # a stranger can make up any number of paths and hosts
FOREVER = "public, max-age=31536000, immutable"
HOUR = "public, max-age=3600"
SMALLEST = 400  # bytes worth compressing

Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer's bodies, by encoding; plain HTTP beyond loopback never asks for brotli."""

    status: int
    content_type: str
    etag: str
    bodies: dict[str, bytes]


class Caching:
    """Middleware around the app: keeps what is the same for all, marks event streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._assets: dict[Key, asyncio.Task[Kept]] = {}
        self._pages: dict[Key, asyncio.Task[Kept]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._key(scope) if scope["type"] == "http" else None
        if key is None:

            async def send_marked(message: Message) -> None:
                if message["type"] == "http.response.start":
                    mark_stream(MutableHeaders(scope=message))
                await send(message)

            await self._app(scope, receive, send_marked)
            return
        is_asset = bool(ASSET.fullmatch(scope["path"]))
        kept, most = (self._assets, MOST_ASSETS) if is_asset else (self._pages, MOST_PAGES)
        if key not in kept:
            while len(kept) >= most:
                kept.pop(next(iter(kept)))
            kept[key] = asyncio.create_task(self._make(scope))
        try:
            found = await asyncio.shield(kept[key])
        except Exception:
            kept.pop(key, None)
            raise
        if found.status != 200:
            kept.pop(key, None)
        await answer(found, scope)(scope, receive, send)

    def _key(self, scope: Scope) -> Key | None:
        """Return under which name an answer is kept, None for what is made anew each time."""
        path, query = scope["path"], scope["query_string"]
        if scope["method"] != "GET":
            return None
        if ASSET.fullmatch(path):
            return (path,)
        of_one = query and (
            path.strip("/") not in ("", "ja") or b"page" in query or b"deep" in query
        )
        if not PAGE.fullmatch(path) or of_one:
            return None
        headers = Headers(scope=scope)
        return (path, scope["scheme"], *(headers.get(name, "") for name in ADDRESS))

    async def _make(self, scope: Scope) -> Kept:
        """Ask the app once, as nobody in particular."""
        sent = [(k, v) for k, v in scope["headers"] if k.decode("latin-1") in ADDRESS]
        nobody = {**scope, "headers": sent, "query_string": b""}
        start: dict[str, Any] = {}
        body = bytearray()

        async def receive() -> Message:
            await asyncio.Event().wait()  # nobody leaves
            raise AssertionError

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            body.extend(message.get("body", b""))

        await self._app(nobody, receive, send)
        content_type, plain = Headers(raw=start["headers"]).get("content-type", ""), bytes(body)
        bodies = {"": plain}
        if content_type.startswith(TEXTUAL) and len(plain) >= SMALLEST:
            bodies["br"] = await asyncio.to_thread(brotli.compress, plain, quality=9)
            bodies["gzip"] = await asyncio.to_thread(gzip.compress, plain, 9, mtime=0)
        return Kept(
            status=start["status"],
            content_type=content_type,
            etag=f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"',
            bodies=bodies,
        )


def answer(kept: Kept, scope: Scope) -> Response:
    """Return what is kept in an encoding this browser reads, or that it has it already."""
    if kept.status != 200:
        return Response(kept.bodies[""], kept.status, media_type=kept.content_type)
    asked, path = Headers(scope=scope), scope["path"]
    headers = {"ETag": kept.etag, "Vary": "Accept-Encoding", "Cache-Control": "private, no-cache"}
    if ASSET.fullmatch(path):
        fixed = HASHED.search(path) or scope["query_string"].startswith(b"v=")
        headers["Cache-Control"] = FOREVER if fixed else HOUR
    if asked.get("if-none-match") == kept.etag:
        return Response(status_code=304, headers=headers)
    accepted = asked.get("accept-encoding", "")
    encoding = next(
        (name for name in ("br", "gzip") if name in accepted and name in kept.bodies), ""
    )
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(kept.bodies[encoding], headers={**headers, "Content-Type": kept.content_type})


def mark_stream(headers: MutableHeaders) -> None:
    """Tell proxies to pass an event stream on as it comes."""
    if headers.get("content-type", "").startswith("text/event-stream"):
        headers["X-Accel-Buffering"] = "no"
        headers["Cache-Control"] = "no-cache"
