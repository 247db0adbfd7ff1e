"""How the lab is reached from elsewhere: under a path of a reverse proxy, and by a public link.

A proxy that serves the lab at a path of its own takes the path off and names it in
X-Forwarded-Prefix (deploy/nginx.conf); nothing else has to be set.
"""

import re
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = re.compile(r"(/[\w.~-]+)+")


def prefix_of(headers: Mapping[str, str]) -> str:
    """Return the path a proxy serves the lab at, without a slash at its end; empty for the root."""
    named = headers.get("x-forwarded-prefix", "").rstrip("/")
    return named if PREFIX.fullmatch(named) else ""


class Prefixed:
    """Middleware around the routes: what they link and redirect to begins with the proxy's path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = prefix_of(Headers(scope=scope)) if scope["type"] == "http" else ""
        if not prefix:
            await self._app(scope, receive, send)
            return

        async def send_moved(message: Message) -> None:
            if message["type"] == "http.response.start":
                moved(MutableHeaders(scope=message), prefix)
            await send(message)

        inside = {**scope, "root_path": prefix, "path": prefix + scope["path"]}
        await self._app(inside, receive, send_moved)


def moved(headers: MutableHeaders, prefix: str) -> None:
    """Put the proxy's path before a redirect to a path of the lab."""
    if headers.get("location", "").startswith("/"):
        headers["location"] = prefix + headers["location"]


def public_link(port: int) -> str:
    """Open Gradio's tunnel to a port of this machine; return the public address.

    The tunnel's program is fetched by Gradio at its first use. Raises RuntimeError or OSError
    where there is no way out.
    """
    from gradio.networking import setup_tunnel

    return str(setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None))


def close_links() -> None:
    """End the tunnels of this process."""
    from gradio.tunneling import CURRENT_TUNNELS

    for tunnel in CURRENT_TUNNELS:
        tunnel.kill()
