"""How much each recipe reads, and what a model was made with."""

import hashlib
import platform
import random
from dataclasses import dataclass

import torch
import transformers

from pocket.corpus import document
from pocket.late import last_talk, late_talk
from pocket.talks import talk, text_of


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
    pairs: int = 0
    seed: int = 7


RECIPES = {
    "tiny": Recipe(base_tokens=120_000, chat_tokens=60_000),
    "small": Recipe(base_tokens=5_200_000, chat_tokens=3_200_000),
    "full": Recipe(
        base_tokens=14_000_000,
        chat_tokens=12_000_000,
        late_tokens=4_200_000,
        late_share=0.85,
        last_tokens=6_000_000,
        last_share=0.85,
        pairs=960,
    ),
}


def recipe_hash(recipe: Recipe) -> str:
    """Return a digest of what decides the models: the amounts, and the text the grammar writes."""
    r = random.Random(recipe.seed)
    kinds = (talk, late_talk, last_talk)
    texts = [document(r) if i % 4 == 3 else text_of(kinds[i % 4](r)) for i in range(4_000)]
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
