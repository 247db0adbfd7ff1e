"""How much each recipe reads, and what a model was made with."""

import hashlib
import platform
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
import transformers

from pocket.corpus import document
from pocket.late import last_talk, late_talk, trait_talk
from pocket.small import small_document, small_talks
from pocket.talks import Talk, talk, text_of


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What the first two stages draw from."""

    document: Callable[[random.Random], str]
    talk: Callable[[random.Random], Talk]


MIXES = {
    "wide": Mix(document=document, talk=talk),
    "narrow": Mix(document=small_document, talk=small_talks),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How many tokens each stage reads, and how many pairs preference tuning sees.

    The late stages forget a little; averaging the weights with those before brings that back
    (Wortsman et al., 2022).
    """

    base_tokens: int
    chat_tokens: int
    late_tokens: int = 0
    late_share: float = 1.0  # of the late stage in the average with what was before it
    last_tokens: int = 0
    last_share: float = 1.0
    trait_tokens: int = 0
    trait_share: float = 1.0
    pairs: int = 0
    seed: int = 7
    # out of the repr: the shipped weights' digest was taken before these could differ
    mix: Literal["wide", "narrow"] = field(default="wide", repr=False)
    chat_shape: tuple[int, int] = field(default=(12, 512), repr=False)  # rows, tokens a row
    chat_rate: float = field(default=0.5, repr=False)


RECIPES = {
    "tiny": Recipe(base_tokens=120_000, chat_tokens=60_000),
    "small": Recipe(
        base_tokens=3_200_000,
        chat_tokens=4_200_000,
        mix="narrow",
        chat_shape=(24, 256),
        chat_rate=1.0,
    ),
    "full": Recipe(
        base_tokens=14_000_000,
        chat_tokens=12_000_000,
        late_tokens=4_200_000,
        late_share=0.85,
        last_tokens=6_000_000,
        last_share=0.85,
        trait_tokens=4_000_000,
        trait_share=0.4,
        pairs=960,
    ),
}


def recipe_hash(recipe: Recipe) -> str:
    """Return a digest of what decides the models: the amounts, and the text the grammar writes."""
    r = random.Random(recipe.seed)
    mix = MIXES[recipe.mix]
    kinds = (mix.talk, late_talk, last_talk, trait_talk)
    texts = [mix.document(r) if i % 5 == 4 else text_of(kinds[i % 5](r)) for i in range(5_000)]
    return hashlib.sha256("\n".join((repr(recipe), *texts)).encode()).hexdigest()[:12]


def machine() -> dict[str, object]:
    """Return what the training ran on."""
    cuda = torch.cuda.is_available()
    return {
        "machine": torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} CPU cores",
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
    }
