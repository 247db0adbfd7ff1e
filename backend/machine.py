"""This machine and its libraries, as Python sees them. Nothing is imported to learn a version."""

import importlib.metadata
import importlib.util
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backend.device_memory import host_memory
from backend.hub_cache import tree_bytes

# what the course installs, and what this lab stands on
LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "huggingface_hub",
    "accelerate",
    "bitsandbytes",
    "sacrebleu",
    "gradio",
    "vllm",
    "ddgs",
    "langchain-community",
)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What runs here. Memory in bytes; `gpu` is empty where torch sees none."""

    python: str
    system: str
    cores: int
    memory_used: int  # by this process
    memory: int
    cuda: bool
    cuda_build: str  # the CUDA version that torch was built for, empty for a CPU build
    gpu: str
    gpu_memory: int


@dataclass(frozen=True, kw_only=True)
class Library:
    """A distribution; `version` is empty where it is not installed."""

    name: str
    version: str


def machine() -> Machine:
    """Look at this machine; imports torch for its answer on CUDA."""
    import torch

    used, total = host_memory()
    cuda = torch.cuda.is_available()
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        memory_used=used,
        memory=total,
        cuda=cuda,
        cuda_build=torch.version.cuda or "",
        gpu=torch.cuda.get_device_name() if cuda else "",
        gpu_memory=torch.cuda.get_device_properties(0).total_memory if cuda else 0,
    )


def libraries() -> list[Library]:
    """Return the libraries of the course and of this lab with their versions."""
    found = []
    for name in LIBRARIES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        found.append(Library(name=name, version=version))
    return found


@cache
def library_bytes(package: str) -> int:
    """Return the bytes of an installed package's folder, 0 where it is not installed."""
    spec = importlib.util.find_spec(package)
    return tree_bytes(Path(spec.origin).parent) if spec and spec.origin else 0
