"""Make the pocket models from nothing: tokenizer, pre-training, tuning, preference.

    python -m pocket.make --recipe small --out pocket/weights

To teach them your own language, change the tables in `words.py` and the forms beside them.
"""

import argparse
import json
import random
import time
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaForCausalLM

from pocket import preference
from pocket.batches import documents, talks
from pocket.late import last_talk, late_talk, trait_talk
from pocket.recipes import MIXES, RECIPES, Recipe, machine, recipe_hash
from pocket.talks import text_of
from pocket.tokenizer import train_tokenizer, wrap
from pocket.train import DEVICE, config, train

WEIGHTS = Path(__file__).parent / "weights"


def run(recipe: Recipe, out: Path, work: Path) -> None:
    """Make both models in `out`, with checkpoints in `work`."""
    began = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    r = random.Random(recipe.seed)
    mix = MIXES[recipe.mix]
    texts = (mix.document(r) if i % 2 else text_of(mix.talk(r)) for i in range(20_000))
    tokenizer = train_tokenizer(texts)
    model = LlamaForCausalLM(config(tokenizer.get_vocab_size()))
    model.to(DEVICE)  # type: ignore[arg-type]  # its decorator hides torch's signature
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2)
    facts: dict[str, object] = {"recipe": asdict(recipe), "recipe_hash": recipe_hash(recipe)}
    base = documents(tokenizer, random.Random(recipe.seed + 1), mix.document)
    chat = talks(tokenizer, random.Random(recipe.seed + 2), mix.talk)
    late = talks(tokenizer, random.Random(recipe.seed + 3), late_talk)
    last = talks(tokenizer, random.Random(recipe.seed + 4), last_talk)
    trait = talks(tokenizer, random.Random(recipe.seed + 5), trait_talk)
    for name, stream, tokens, shape, rate in (
        ("base", base, recipe.base_tokens, (24, 256), 1.0),
        ("chat", chat, recipe.chat_tokens, recipe.chat_shape, recipe.chat_rate),
        ("late", late, recipe.late_tokens, (12, 512), 0.3),
        ("last", last, recipe.last_tokens, (12, 512), 0.5),
        ("trait", trait, recipe.trait_tokens, (12, 512), 0.5),
    ):
        if not tokens:
            continue
        wrapped = wrap(tokenizer, chat=name != "base")
        before = {key: weight.clone() for key, weight in model.state_dict().items()}
        train(model, wrapped, stream, name=name, tokens=tokens, shape=shape, rate=rate,
              save=work / f"{name}.pt", measure=facts)  # fmt: skip
        if name in ("late", "last", "trait"):
            after, share = model.state_dict(), getattr(recipe, f"{name}_share")
            model.load_state_dict({k: before[k].lerp(after[k], share) for k in before})
        folder = out / ("base" if name == "base" else "chat")
        model.save_pretrained(folder)
        wrapped.save_pretrained(folder)
    facts |= {"minutes": round((time.perf_counter() - began) / 60, 1)} | machine()
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    if recipe.pairs:
        preference.run(out, n=recipe.pairs, seed=recipe.seed)


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description="Train the pocket models from nothing.")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="small")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--work", type=Path, default=Path("pocket-run"), help="checkpoints")
    args = parser.parse_args()
    run(RECIPES[args.recipe], args.out, args.work)


if __name__ == "__main__":
    main()
