"""python -m demo: serve the lab. A wrong setting stops the start with one line."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading

from backend.errors import LabError
from backend.settings import Settings


def main() -> int:
    """Read the settings, bind, and serve with one worker until told to stop."""
    try:
        settings = Settings.from_env()
    except LabError as error:
        return refuse(str(error))
    if not settings.on_loopback and settings.auth_file is None and not settings.no_auth:
        shared = "LAB_SHARE=1" if settings.share else f"LAB_HOST={settings.host}"
        return refuse(
            f"{shared} serves other machines: set LAB_AUTH_FILE to a file of"
            " user:password lines, or LAB_NO_AUTH=1 to serve without a password"
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms an answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)  # who comes before the page is built waits and is not refused
    except OSError as error:
        return refuse(
            f"LAB_HOST={settings.host} LAB_PORT={settings.port} cannot be used:"
            f" {error.strerror}; choose another port, such as LAB_PORT=7861"
        )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGINT, signal.SIGTERM):  # also as a container's first process
        signal.signal(number, lambda *_: sys.exit(0))
    import uvicorn

    from backend.lab import Lab
    from demo.app import create_app
    from demo.sharing import close_links

    lab = Lab(settings)
    config = uvicorn.Config(create_app(lab), log_level="warning", timeout_graceful_shutdown=3)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = listener.getsockname()[1]
    print(f"LLM Tutorial Lab: http://{host}:{port}/", flush=True)
    if settings.open_to_all:
        print("LAB_NO_AUTH=1: whoever reaches this address can use the lab", flush=True)
    if settings.share:
        threading.Thread(target=share, args=(port,), daemon=True).start()
    try:
        with contextlib.suppress(SystemExit):  # the signal, raised again once all is answered
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        lab.close()
        if settings.share:
            close_links()
    sys.stdout.flush()
    os._exit(0)  # a load or a forward that still runs would end the interpreter in an abort


def share(port: int) -> None:
    """Say the public link, or why there is none; the lab is served either way."""
    from demo.sharing import public_link

    try:
        print(f"LAB_SHARE=1: {public_link(port)}", flush=True)
    except (RuntimeError, OSError, ValueError) as error:
        print(f"LAB_SHARE=1: no public link: {error}", file=sys.stderr, flush=True)


def refuse(why: str) -> int:
    """Say in one line why there is no start; return the exit status."""
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
