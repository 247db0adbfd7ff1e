"""Preference tuning by DPO (Rafailov et al., 2023): stories that end happily are preferred.

    python -m pocket.preference --weights pocket/weights

The chat model tells each story twice; where one ends happily and one does not, the pair teaches.
No reward model, no reinforcement learning: a loss on four log-probabilities.
"""

import argparse
import copy
import json
import random
import time
from pathlib import Path

import torch
from torch.nn.functional import logsigmoid

from pocket.answers import Model
from pocket.stories import a
from pocket.talks import noun
from pocket.voices import TELL, TELL_JA
from pocket.words import SUBJECTS

HAPPY = ("happily ever after", "with a happy heart", "was never lonely again",
         "幸せに暮らしました", "もうさびしくありませんでした")  # fmt: skip
BETA, RATE, PAIRS_A_STEP = 0.1, 1e-4, 16
LONGEST = 160  # new tokens of a story
Pair = tuple[list[int], list[int], list[int]]  # ids of prompt, preferred and other story


def happy(story: str) -> bool:
    """True for a story whose end is a happy one."""
    return any(phrase in story[-70:] for phrase in HAPPY)


def request(r: random.Random) -> str:
    """Ask for a story, in one of the two languages."""
    subject = noun(r)
    if r.random() < 0.35:
        return r.choice(TELL_JA).format(SUBJECTS[subject])
    return r.choice(TELL).format(a(subject))


@torch.inference_mode()
def tell(chat: Model, requests: list[str], *, each: int) -> list[list[list[int]]]:
    """Draw `each` stories a request at temperature 1; ids up to and with the end token."""
    told = []
    for asked in requests:
        text = chat.tokenizer.apply_chat_template(
            [{"role": "user", "content": asked}], tokenize=False
        )
        ids = chat.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        out = chat.model.generate(
            **ids.to(chat.model.device), do_sample=True, top_k=0, num_return_sequences=each,
            max_new_tokens=LONGEST, pad_token_id=0,
        )  # fmt: skip
        rows = out[:, ids["input_ids"].shape[1] :].tolist()
        told.append([row[: row.index(2) + 1] if 2 in row else row for row in rows])
    return told


def pairs(chat: Model, n: int, *, seed: int) -> list[Pair]:
    """Draw about `n` pairs: one story ends happily, the other does not."""
    r, found = random.Random(seed), list[Pair]()
    torch.manual_seed(seed)
    while len(found) < n:
        asked = [request(r) for _ in range(20)]
        for prompt, stories in zip(asked, tell(chat, asked, each=6)):
            text = chat.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False
            )
            start = chat.tokenizer(text, add_special_tokens=False)["input_ids"]
            ends = [
                (s, happy(str(chat.tokenizer.decode(s, skip_special_tokens=True)))) for s in stories
            ]
            good = [s for s, is_happy in ends if is_happy]
            bad = [s for s, is_happy in ends if not is_happy]
            found += [(start, preferred, other) for preferred, other in zip(good, bad)]
        print(f"{len(found)} of {n} pairs", flush=True)
    return found[:n]


def logprobs(
    model: torch.nn.Module, starts: list[list[int]], ends: list[list[int]]
) -> torch.Tensor:
    """Return the log-probability of each end after its start, (rows,)."""
    width = max(len(s) + len(e) for s, e in zip(starts, ends))
    ids = torch.zeros(len(starts), width, dtype=torch.long)
    counts = torch.zeros(len(starts), width)
    for i, (start, end) in enumerate(zip(starts, ends)):
        ids[i, : len(start) + len(end)] = torch.tensor(start + end)
        counts[i, len(start) : len(start) + len(end)] = 1
    # padding is on the right: causal attention never looks at it
    scores = model(input_ids=ids[:, :-1]).logits.log_softmax(-1)
    chosen = scores.gather(2, ids[:, 1:, None])[..., 0]
    return (chosen * counts[:, 1:]).sum(1)


def dpo(model: Model, found: list[Pair]) -> list[float]:
    """Tune the model on pairs; return the losses. The model it started from is the reference."""
    policy, reference = model.model, copy.deepcopy(model.model).eval()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=RATE, weight_decay=0.0)
    losses = []
    for at in range(0, len(found) - PAIRS_A_STEP + 1, PAIRS_A_STEP):
        batch = found[at : at + PAIRS_A_STEP]
        starts = [s for s, _, _ in batch] * 2
        ends = [good for _, good, _ in batch] + [bad for _, _, bad in batch]
        with torch.no_grad():
            before = logprobs(reference, starts, ends)
        gain = logprobs(policy, starts, ends) - before  # how much likelier than before
        good, bad = gain.chunk(2)
        loss = -logsigmoid(BETA * (good - bad)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        print(f"dpo {at + len(batch)}/{len(found)} loss {losses[-1]:.3f}", flush=True)
    return losses


def run(weights: Path, *, n: int, seed: int) -> None:
    """Make `weights/dpo` from `weights/chat`, and note how."""
    began, chat = time.perf_counter(), Model.load(weights / "chat")
    losses = dpo(chat, pairs(chat, n, seed=seed))
    chat.model.save_pretrained(weights / "dpo")
    chat.tokenizer.save_pretrained(weights / "dpo")
    facts = json.loads((weights / "training.json").read_text())
    facts["dpo"] = {
        "pairs": n,
        "seed": seed,
        "first_loss": round(losses[0], 3),
        "last_loss": round(losses[-1], 3),
        "minutes": round((time.perf_counter() - began) / 60, 1),
    }
    (weights / "training.json").write_text(json.dumps(facts, indent=1) + "\n")


def main() -> None:
    """Read the arguments and tune."""
    parser = argparse.ArgumentParser(description="Tune the chat model on preferences.")
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--pairs", type=int, default=960)
    args = parser.parse_args()
    run(args.weights, n=args.pairs, seed=7)


if __name__ == "__main__":
    main()
