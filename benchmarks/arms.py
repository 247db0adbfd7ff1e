"""Arms that take turns, so that a ratio is of neighbours in time and a slow minute hits them all.

Threads are pinned to one. The models are the pocket model and one of random weights with hidden
width 768, as wide as GPT-2's smallest, behind the pocket model's tokenizer.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    set_seed,
)

from backend.catalog import MODELS
from backend.lab import Lab
from backend.settings import Settings

POCKET = MODELS["pocket-chat"].source
PAIRS = 5
WIDE = LlamaConfig(
    hidden_size=768,
    intermediate_size=2048,
    num_hidden_layers=6,
    num_attention_heads=12,
    num_key_value_heads=12,
    vocab_size=2048,
    max_position_embeddings=2048,
    tie_word_embeddings=True,
    bos_token_id=1,
    eos_token_id=2,
)


def rounds(arms: Mapping[str, Callable[[], float]], times: int) -> dict[str, list[float]]:
    """Return what each arm measured in `times` rounds; every other round goes backwards.

    Each is run once before, unmeasured.
    """
    for arm in arms.values():
        arm()
    measured: dict[str, list[float]] = {name: [] for name in arms}
    for n in range(times):
        for name in list(arms) if n % 2 == 0 else reversed(arms):
            measured[name].append(arms[name]())
        print(f"{n + 1}/{times}", {name: round(values[-1], 3) for name, values in measured.items()})
    return measured


def ratios(top: Sequence[float], bottom: Sequence[float]) -> list[float]:
    """Return the ratio of each pair."""
    return [a / b for a, b in zip(top, bottom)]


@contextlib.contextmanager
def folders() -> Iterator[dict[str, str]]:
    """Yield the model folders by name: "pocket" and "768"."""
    with tempfile.TemporaryDirectory() as folder:
        set_seed(0)
        model = LlamaForCausalLM(WIDE)
        model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2)
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(POCKET).save_pretrained(folder)
        yield {"pocket": POCKET, "768": folder}


@contextlib.contextmanager
def lab_on(folder: str) -> Iterator[Lab]:
    """Yield a lab with a model folder loaded, as LAB_MODEL names it."""
    torch.set_num_threads(1)
    lab = Lab(Settings(model="pocket-chat" if folder == POCKET else folder, threads=1))
    try:
        lab.engine.model()
        yield lab
    finally:
        lab.close()


def plain(folder: str) -> PreTrainedModel:
    """Return the model as plain transformers loads it."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()


def options() -> argparse.Namespace:
    """Read --quick: two pairs of few tokens, to see that a script runs; nothing is kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()
