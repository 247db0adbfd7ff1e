"""Train the pocket models from nothing: tokenizer, pre-training, tuning.

    python -m pocket.train --recipe small --out pocket/weights

The loop is plain PyTorch on `LlamaForCausalLM`: Muon (Jordan et al., 2024) for the matrices, AdamW
for the rest, the rate falling to zero over the second half. To teach it your own language, change
the tables in `words.py` and the forms beside them.
"""

import argparse
import hashlib
import json
import platform
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pocket.corpus import conversation, document, exchange
from pocket.tokenizer import CONTEXT, train_tokenizer, wrap

ROWS, LENGTH = 24, 256  # a batch
IGNORED = -100  # the label of a token that is read but not learnt
RAW_SHARE = 0.3  # of the tuning: request and answer without the chat format
WEIGHTS = Path(__file__).parent / "weights"
Labelled = tuple[list[int], list[int]]  # ids, labels


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How many tokens each stage reads."""

    base_tokens: int
    chat_tokens: int
    seed: int = 7


RECIPES = {
    "tiny": Recipe(base_tokens=120_000, chat_tokens=60_000),
    "small": Recipe(base_tokens=3_400_000, chat_tokens=2_000_000),
    "full": Recipe(base_tokens=7_000_000, chat_tokens=4_200_000),
}


def config(vocabulary: int) -> LlamaConfig:
    """A Llama of 3 million parameters; every width is a multiple of 64, as 4-bit needs."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )


def documents(tokenizer: PreTrainedTokenizerFast, r: random.Random) -> Iterator[Labelled]:
    """Pre-training: every token of a document is learnt, its end too."""
    while True:
        ids = tokenizer(document(r))["input_ids"] + [2]
        yield ids, ids


def answers(tokenizer: PreTrainedTokenizerFast, r: random.Random) -> Iterator[Labelled]:
    """Tuning: the prompt is read, only the answer and the end token are learnt."""
    while True:
        if r.random() < RAW_SHARE:
            request, answer = exchange(r)
            prompt = tokenizer(request)["input_ids"]
            whole = tokenizer(f"{request}\n\n{answer}")["input_ids"]
        else:
            *before, last = conversation(r)
            text = tokenizer.apply_chat_template(before, tokenize=False)
            prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
            whole = tokenizer(f"{text} {last['content']}", add_special_tokens=False)["input_ids"]
        assert whole[: len(prompt)] == prompt
        yield [*whole, 2], [IGNORED] * len(prompt) + whole[len(prompt) :] + [2]


def batches(stream: Iterator[Labelled]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pack documents end to end into (ROWS, LENGTH) ids and labels."""
    ids: list[int] = []
    labels: list[int] = []
    while True:
        while len(ids) < ROWS * LENGTH:
            more_ids, more_labels = next(stream)
            ids += more_ids
            labels += more_labels
        size = ROWS * LENGTH
        yield (
            torch.tensor(ids[:size]).view(ROWS, LENGTH),
            torch.tensor(labels[:size]).view(ROWS, LENGTH),
        )
        ids, labels = ids[size:], labels[size:]


def train(
    model: LlamaForCausalLM,
    stream: Iterator[Labelled],
    *,
    name: str,
    tokens: int,
    rate: float,
    save: Path,
) -> list[float]:
    """Read `tokens` tokens; return the losses. Goes on from `save` where that is there."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(matrices, lr=0.02 * rate, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=3e-3 * rate, weight_decay=0.0),
    ]
    peaks = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    steps, losses, first = max(tokens // (ROWS * LENGTH), 1), [], 0
    if save.exists():
        state = torch.load(save, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        first, losses = state["step"], state["losses"]
    began = time.perf_counter()
    model.train()
    for step, (ids, labels) in enumerate(batches(stream)):
        if step >= steps:
            break
        if step < first:
            continue  # the same seed gives the same batches: skip those already read
        fade = min(1.0, 2 * (1 - step / steps), (step + 1) / 20)  # warm up, hold, fall to zero
        groups = (group for optimizer in optimizers for group in optimizer.param_groups)
        for group, peak in zip(groups, peaks):
            group["lr"] = peak * fade
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if step % 20 == 0 or step == steps - 1:
            speed = (step + 1 - first) * ROWS * LENGTH / (time.perf_counter() - began)
            left_s = (steps - 1 - step) * ROWS * LENGTH / speed
            print(
                f"{name} {step + 1}/{steps} loss {losses[-1]:.3f}"
                f" {speed:,.0f} tokens/s, {left_s / 60:.1f} min left",
                flush=True,
            )
        if step % 100 == 99:
            checkpoint = {"model": model.state_dict(), "step": step + 1, "losses": losses}
            checkpoint["optimizers"] = [optimizer.state_dict() for optimizer in optimizers]
            torch.save(checkpoint, save)
    return losses


def run(recipe: Recipe, out: Path, work: Path) -> None:
    """Make both models in `out`, with checkpoints in `work`."""
    began = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    r = random.Random(recipe.seed)
    texts = (document(r) if i % 2 else "\n".join(exchange(r)) for i in range(20_000))
    pieces = train_tokenizer(texts)
    tokenizer = wrap(pieces, chat=True)
    model = LlamaForCausalLM(config(len(tokenizer)))
    facts: dict[str, object] = {"recipe": asdict(recipe), "recipe_hash": recipe_hash()}
    for name, stream, tokens, rate in (
        ("base", documents(tokenizer, random.Random(recipe.seed + 1)), recipe.base_tokens, 1.0),
        ("chat", answers(tokenizer, random.Random(recipe.seed + 2)), recipe.chat_tokens, 0.5),
    ):
        save = work / f"{name}.pt"
        losses = train(model, stream, name=name, tokens=tokens, rate=rate, save=save)
        facts[f"{name}_loss"] = round(sum(losses[-20:]) / len(losses[-20:]), 3)
        model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2)
        model.save_pretrained(out / name)
        wrap(pieces, chat=name == "chat").save_pretrained(out / name)
    facts |= {
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "cores": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
    }
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts))


def recipe_hash() -> str:
    """Return a digest of everything that decides the text, the tokenizer and the training."""
    names = ("words", "stories", "sentences", "corpus", "tokenizer", "train")
    sources = [(Path(__file__).parent / f"{name}.py").read_bytes() for name in names]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def main() -> None:
    """Read the arguments, train, and show what the models can do."""
    parser = argparse.ArgumentParser(description="Train the pocket models from nothing.")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="small")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--work", type=Path, default=Path("pocket-run"), help="checkpoints")
    args = parser.parse_args()
    torch.set_num_threads(max(torch.get_num_threads(), 2))
    run(RECIPES[args.recipe], args.out, args.work)


if __name__ == "__main__":
    main()
