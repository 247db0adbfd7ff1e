"""This machine as Python tells it."""

import importlib.metadata
from pathlib import Path

from backend import machine


def test_cuda_is_what_torch_says() -> None:
    import torch

    here = machine.machine()
    assert here.cuda == torch.cuda.is_available()
    assert bool(here.gpu) == here.cuda
    assert 0 < here.memory_used < here.memory
    assert here.cores >= 1


def test_versions_are_those_installed() -> None:
    found = {library.name: library.version for library in machine.libraries()}
    assert found["transformers"] == importlib.metadata.version("transformers")
    assert tuple(found) == machine.LIBRARIES


def test_a_package_is_measured_and_a_missing_one_is_nothing() -> None:
    import transformers

    files = Path(transformers.__file__).parent.rglob("*.py")
    assert machine.library_bytes("transformers") > sum(path.stat().st_size for path in files)
    assert machine.library_bytes("no_such_package") == 0
