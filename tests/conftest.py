"""Fixtures shared by all tests: threads pinned, the pocket model once per session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.lab import Lab
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
