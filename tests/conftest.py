"""Fixtures shared by all tests: threads pinned, the pocket model once per session."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from backend.channel import Channel
from backend.lab import Lab
from backend.models import LoadedModel
from backend.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "pocket" / "weights"


@pytest.fixture(scope="session", autouse=True)
def _pin_threads() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab on the shipped pocket-chat."""
    lab = Lab(Settings(threads=1))
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def site(lab: Lab) -> Iterator[str]:
    """The address of the shared lab, served by a real server in a thread."""
    with serve(lab) as address:
        lab.engine.model()
        yield address


@contextmanager
def serve(lab: Lab, app: ASGIApp | None = None) -> Iterator[str]:
    """Serve a lab for as long as the block lasts; `app`: other than the whole page."""
    import uvicorn

    if app is None:
        from demo.app import create_app

        app = create_app(lab)
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def slowed(lab: Lab) -> Iterator[Channel[object]]:
    """Slow the model thread, so that a run lasts until something happens to it."""

    def pause(loaded: LoadedModel) -> Iterator[None]:
        while True:
            time.sleep(0.02)
            yield None

    with closing(lab.engine.scheduler.run(lab.engine.model(), pause, person="a test")) as channel:
        yield channel


@pytest.fixture
def slowly(lab: Lab) -> Iterator[Channel[object]]:
    """Slow the shared lab's model thread."""
    with slowed(lab) as channel:
        yield channel
