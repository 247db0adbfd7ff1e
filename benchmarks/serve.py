"""The real app on a free loopback port, in a thread; its learners belong in another process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from backend.lab import Lab
from demo.app import create_app


@contextmanager
def served(lab: Lab) -> Iterator[str]:
    """Yield the address at which a lab is served for as long as the block lasts."""
    config = uvicorn.Config(create_app(lab), port=0, log_level="error", timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
