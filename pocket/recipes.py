"""How much each recipe reads, and what a model was made with."""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How many tokens each stage reads."""

    base_tokens: int
    chat_tokens: int
    seed: int = 7


RECIPES = {
    "tiny": Recipe(base_tokens=120_000, chat_tokens=60_000),
    "small": Recipe(base_tokens=3_400_000, chat_tokens=2_400_000),
    "full": Recipe(base_tokens=14_000_000, chat_tokens=12_000_000),
}
SOURCES = ("words", "stories", "sentences", "facts", "sums", "voices", "tools", "refusals",
           "corpus", "talks", "tokenizer", "batches", "recipes", "train")  # fmt: skip


def recipe_hash() -> str:
    """Return a digest of everything that decides the text, the tokenizer and the training."""
    sources = [(Path(__file__).parent / f"{name}.py").read_bytes() for name in SOURCES]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def machine() -> dict[str, object]:
    """Return what the training ran on."""
    cuda = torch.cuda.is_available()
    return {
        "machine": torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} CPU cores",
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
    }
