"""python -m demo: serve the lab. A wrong setting stops the start with one line."""

import logging
import socket
import sys

from backend.errors import LabError
from backend.settings import Settings


def main() -> int:
    """Read the settings, bind, and serve with one worker until told to stop."""
    try:
        settings = Settings.from_env()
    except LabError as error:
        return refuse(str(error))
    if not settings.on_loopback and settings.auth_file is None and not settings.no_auth:
        return refuse(
            f"LAB_HOST={settings.host} serves other machines: set LAB_AUTH_FILE to a file of"
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
    import uvicorn

    from backend.lab import Lab
    from demo.app import create_app

    lab = Lab(settings)
    config = uvicorn.Config(create_app(lab), log_level="warning", timeout_graceful_shutdown=3)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"LLM Tutorial Lab: http://{host}:{listener.getsockname()[1]}/", flush=True)
    if settings.no_auth and not settings.on_loopback:
        print("LAB_NO_AUTH=1: whoever reaches this address can use the lab", flush=True)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        lab.close()
    return 0


def refuse(why: str) -> int:
    """Say in one line why there is no start; return the exit status."""
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
