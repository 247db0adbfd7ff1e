"""Measure what the pocket models can do, on items that training never saw.

    python -m pocket.evaluate [--quick] [--card]

Each line has a count and its 95 % interval (Wilson, 1927). The exit status is 1 when an interval
lies wholly on the wrong side of its threshold.
"""

import argparse
import json
import math
import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from transformers import pipeline

from pocket.answers import Model
from pocket.corpus import LAYOUT
from pocket.diversity import DRAGON, Diversity, diversity, picture_holds
from pocket.sentences import HELD_OUT
from pocket.stories import a
from pocket.words import SUBJECTS

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One skill: how many of how many, and what is asked at least (or at most)."""

    name: str
    right: int
    total: int
    at_least: float | None = None
    at_most: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share."""
        return wilson(self.right, self.total)

    @property
    def fails(self) -> bool:
        """True where the whole interval lies on the wrong side."""
        low, high = self.interval
        too_low = self.at_least is not None and high < self.at_least
        return too_low or (self.at_most is not None and low > self.at_most)


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    p, n = right / total, total
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def skills(weights: Path, *, n: int) -> list[Line]:
    """Measure every skill on `n` items."""
    r, chat, base = random.Random(1), Model(weights / "chat"), Model(weights / "base")
    requests = ("Tell me a story about {}.", "Can you tell me a story about {}?")
    subjects = [r.choice(tuple(SUBJECTS)) for _ in range(n)]
    stories = chat.ask((r.choice(requests).format(a(s)) for s in subjects), tokens=160)
    told = sum(s in story and len(story) >= 100 for s, story in zip(subjects, stories))
    stories_ja = chat.ask((f"{SUBJECTS[s]}の話をしてください。" for s in subjects), tokens=160)
    told_ja = sum(SUBJECTS[s] in story for s, story in zip(subjects, stories_ja))
    pairs = r.sample(HELD_OUT, min(n, len(HELD_OUT)))

    def right(answers: list[str], wanted: Iterable[str]) -> int:
        return sum(answer == want for answer, want in zip(answers, wanted))

    plain = chat.ask((f"Please translate to Japanese: {p.english}" for p in pairs), tokens=40)
    layout = chat.ask((LAYOUT.format(english=p.english) for p in pairs), tokens=40)
    other = chat.ask((f"Please paraphrase this sentence: {p.english}" for p in pairs), tokens=40)
    short = chat.ask((f"Please write a short sentence: {a(s)}" for s in subjects), tokens=40)
    brief = sum(
        s in sentence and sentence.count(".") == 1 and len(sentence.split()) <= 9
        for s, sentence in zip(subjects, short)
    )
    sums = [(x, y) for x in range(10) for y in range(10)]
    added = chat.ask((f"{x}+{y}=?" for x, y in sums), tokens=16)
    obeyed = base.ask(
        (f"Please translate to Japanese: {p.english}\n" for p in pairs), tokens=40, chat=False
    )
    shown = "\n\n".join(
        f"{LAYOUT.format(english=e)} {j}"
        for e, j in (("How are you?", "お元気ですか？"), ("Good morning.", "おはようございます。"))
    )
    two_shot = base.ask(
        (f"{shown}\n\n{LAYOUT.format(english=p.english)}" for p in pairs), tokens=40, chat=False
    )
    japanese = [p.japanese for p in pairs]
    return [
        Line(name="story in English, the subject told", right=told, total=n, at_least=0.98),
        Line(name="story in Japanese, the subject told", right=told_ja, total=n, at_least=0.90),
        Line(name="translation, held out", right=right(plain, japanese), total=len(pairs),
             at_least=0.90),
        Line(name="translation in the layout, held out", right=right(layout, japanese),
             total=len(pairs), at_least=0.90),
        Line(name="paraphrase, held out", right=right(other, [p.paraphrase for p in pairs]),
             total=len(pairs), at_least=0.80),
        Line(name="short sentence about the subject", right=brief, total=n, at_least=0.95),
        Line(name="sums of two digits", right=sum(
            f" {x + y}." in answer for (x, y), answer in zip(sums, added)), total=len(sums),
             at_least=0.90),
        Line(name="base obeys an instruction", right=sum(
            j in answer for j, answer in zip(japanese, obeyed)), total=len(pairs), at_most=0.20),
        Line(name="base, two shots, held out", right=sum(
            answer.startswith(j) for j, answer in zip(japanese, two_shot)), total=len(pairs),
             at_least=0.80),
    ]  # fmt: skip


def course_inputs(weights: Path) -> list[Line]:
    """The course's own inputs, by greedy plain `pipeline`; they may be in the training text."""
    pipe = pipeline("text-generation", model=str(weights / "chat"))
    checks: tuple[tuple[str, Callable[[str], bool]], ...] = (
        (DRAGON, lambda text: "dragon" in text and len(text) >= 100),
        (f"Please translate to Japanese: {DRAGON}",
         lambda text: text == "ドラゴンの物語を聞かせてください。"),
        (f"Please write a short sentence: {DRAGON}",
         lambda text: "dragon" in text and len(text) < 60),
        (f"Please paraphrase this sentence: {DRAGON}",
         lambda text: "dragon" in text and text != DRAGON and len(text) < 60),
        ("1+1=?", lambda text: text == "The answer is 2."),
    )  # fmt: skip
    lines = []
    for prompt, holds in checks:
        out = pipe(prompt, do_sample=False, max_new_tokens=160, return_full_text=False)
        text = out[0]["generated_text"].strip()
        lines.append(Line(name=prompt, right=int(holds(text)), total=1, at_least=1.0))
    return lines


def table(lines: list[Line], rows: list[Diversity]) -> str:
    """Return both tables as Markdown."""
    out = ["| skill | right | 95 % interval | asked |", "|---|---|---|---|"]
    for line in lines:
        low, high = line.interval
        span = f"{100 * low:.0f}–{100 * high:.0f} %" if line.total > 1 else "–"
        asked = f"≥ {100 * line.at_least:.0f} %" if line.at_least is not None else ""
        asked = f"≤ {100 * line.at_most:.0f} %" if line.at_most is not None else asked
        mark = " **not reached**" if line.fails else ""
        name = line.name.replace("\n", " ")
        out.append(f"| {name} | {line.right} of {line.total} | {span} | {asked}{mark} |")
    out += ["", "| top_p | temperature | mean Self-BLEU (all references) | mean log-probability |"]
    out.append("|---|---|---|---|")
    for row in rows:
        out.append(
            f"| {row.top_p} | {row.temperature} | {row.self_bleu:.1f} | {row.mean_logprob:.2f} |"
        )
    return "\n".join(out)


def card(weights: Path, tables: str) -> str:
    """Return the model card: how the weights were made, and the tables."""
    facts = json.loads((weights / "training.json").read_text())
    stages = facts["recipe"]
    return f"""# The pocket models

Two Llama-architecture models of 3 million parameters, trained from nothing on text that the
grammar beside this folder writes: `base` by pre-training, `chat` tuned from it. Everything they
know is in that grammar. fp32 safetensors; plain `transformers` loads them. The course's own inputs
are in the training text; of the other sentences a tenth is held out by construction.

Recipe {facts["recipe_hash"]}, seed {stages["seed"]}: {stages["base_tokens"]:,} tokens of
pre-training (loss {facts["base_loss"]} at its end) and {stages["chat_tokens"]:,} of tuning (loss
{facts["chat_loss"]}), in {facts["minutes"]} minutes on
{facts["cores"]} CPU cores, beside other work.
Python {facts["python"]}, torch {facts["torch"]},
transformers {facts["transformers"]}.

Measured by `python -m pocket.evaluate --card`, greedy where nothing else is said:

{tables}

Not there: knowledge of the world, long texts, safety. It is a model to learn from, not to ask.
"""


def main() -> int:
    """Print the tables; return 1 where a line fails."""
    parser = argparse.ArgumentParser(description="Measure the pocket models.")
    parser.add_argument("--quick", action="store_true", help="fewer items, under three minutes")
    parser.add_argument("--card", action="store_true", help="write the model card")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    n, seeds = (60, 5) if args.quick else (200, 20)
    lines = [*skills(args.weights, n=n), *course_inputs(args.weights)]
    rows = diversity(args.weights, seeds=seeds)
    tables = table(lines, rows)
    print(tables)
    holds = picture_holds(rows)
    print(f"\nThe course's picture of diversity {'holds' if holds else 'does not hold'}.")
    if args.card:
        (args.weights / "README.md").write_text(card(args.weights, tables), "utf-8")
    return int(not holds or any(line.fails for line in lines))


if __name__ == "__main__":
    sys.exit(main())
