"""Examples before a question (few-shot prompting: Brown et al., 2020), and how they may differ.

Pure: texts in, texts out. The course's layout ends in `Japanese:`; the model goes on from there.
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from backend.types import Message
from pocket.corpus import LAYOUT
from pocket.sentences import COURSE as COURSE_SENTENCES
from pocket.sentences import TRAINING

MOST = 8  # examples
BLANK = "____"  # an exercise that nobody has filled in
SYSTEM = "You are a helpful assistant."  # the course's
ENDING = "\nJapanese:"
GRAM = 3  # letters


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One example: a sentence, and the Japanese that is shown for it, right or wrong."""

    english: str
    japanese: str


COURSE = (
    Shot(english="How are you?", japanese="お元気ですか？"),
    Shot(english="Today is a beautifulday.", japanese="今日はいい天気ですね。"),
)
MENDED = (COURSE[0], replace(COURSE[1], english="Today is a beautiful day."))
CONTENT = "Tell me a story about a dragon."


def as_text(shots: Sequence[Shot], content: str) -> str:
    """Lay examples and question out as the course's plain text."""
    shown = (f"{LAYOUT.format(english=s.english)} {s.japanese}\n\n" for s in shots)
    return "".join(shown) + LAYOUT.format(english=content)


def as_turns(
    shots: Sequence[Shot], content: str, *, system: str = SYSTEM, newline: bool = False
) -> list[Message]:
    """Lay them out as turns; `newline` ends each question with one, as the course's second."""

    def asked(english: str) -> Message:
        text = LAYOUT.format(english=english).removesuffix(ENDING)
        return {"role": "user", "content": text + "\n" * newline}

    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for shot in shots:
        messages += [
            asked(shot.english),
            {"role": "assistant", "content": f"Japanese: {shot.japanese}"},
        ]
    return [*messages, asked(content)]


def answer_of(said: str) -> tuple[str, str]:
    """Split what was generated into the answer, its first line, and what runs on after it."""
    first, _, rest = said.strip().partition("\n")
    return first.removeprefix("Japanese:").strip(), rest.strip()


def last_of(shots: Sequence[Shot], n: int) -> tuple[Shot, ...]:
    """Return the last n examples: the course's one-shot prompt has its second."""
    return tuple(shots[len(shots) - n :])


# --- which examples ------------------------------------------------------------------------
@cache
def pool() -> tuple[Shot, ...]:
    """Return the sentences examples are taken from: those of training, the course's apart."""
    return tuple(
        Shot(english=p.english, japanese=p.japanese)
        for p in TRAINING
        if p.english not in COURSE_SENTENCES
    )


def drawn(question: str, n: int, *, seed: int) -> tuple[Shot, ...]:
    """Draw examples for a question; of two numbers the smaller is the beginning of the larger."""
    return tuple(random.Random(f"{seed} {question}").sample(pool(), MOST)[:n])


def grams(text: str) -> Counter[str]:
    """Count a text's trigrams of letters."""
    text = f" {text.lower()} "
    return Counter(text[i : i + GRAM] for i in range(len(text) - GRAM + 1))


@cache
def _index() -> tuple[tuple[Counter[str], float], ...]:
    counts = (grams(shot.english) for shot in pool())
    return tuple((c, math.sqrt(sum(v * v for v in c.values()))) for c in counts)


def nearest(question: str, n: int) -> tuple[Shot, ...]:
    """Return the examples most like a question, the nearest last (Liu et al., 2022).

    Likeness is the cosine of the counts of letter trigrams.
    """
    asked = grams(question)
    scores = [sum(v * c[g] for g, v in asked.items()) / size for c, size in _index()]
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:n]
    return tuple(pool()[i] for i in reversed(order))


# --- what is done to them ------------------------------------------------------------------
def swapped(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """Give each example the next one's Japanese."""
    turned = [*shots[1:], *shots[:1]]
    return tuple(replace(s, japanese=t.japanese) for s, t in zip(shots, turned))


def mislabelled(shots: Sequence[Shot], *, seed: int) -> tuple[Shot, ...]:
    """Give each example the Japanese of a sentence drawn at random (Min et al., 2022)."""
    found = []
    for shot in shots:
        r = random.Random(f"{seed} wrong {shot.english}")
        others = [s.japanese for s in r.sample(pool(), 3) if s.japanese != shot.japanese]
        found.append(replace(shot, japanese=others[0]))
    return tuple(found)


def copied(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """Show another task: the sentence itself as its answer."""
    return tuple(replace(shot, japanese=shot.english) for shot in shots)


def blank(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """Leave each example's answer open."""
    return tuple(replace(shot, japanese=BLANK) for shot in shots)


def run_together(sentence: str) -> str:
    """Lose the last blank of a sentence, as in the course's `beautifulday`."""
    head, _, last = sentence.rpartition(" ")
    return head + last


# --- conditions over a set -----------------------------------------------------------------
Kind = Literal["number", "labels", "order", "choice", "typo"]
KINDS: tuple[Kind, ...] = ("number", "labels", "order", "choice", "typo")
NUMBERS = (0, 1, 2, 3, 4, 6, 8)
THREE = (*COURSE, Shot(english="Good morning.", japanese="おはようございます。"))


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One row of a comparison: the same questions behind differing examples.

    `name` says what differs, `detail` is a number or an order to show with it.
    """

    name: str
    detail: str
    prompts: tuple[str, ...]


def conditions(kind: Kind, questions: Sequence[str], *, seed: int = 0) -> list[Condition]:
    """Return the rows of one comparison; examples of row and question do not depend on others."""

    def row(name: str, detail: object, texts: Sequence[str]) -> Condition:
        return Condition(name=name, detail=str(detail), prompts=tuple(texts))

    two = {q: drawn(q, 2, seed=seed) for q in questions}
    if kind == "number":
        return [
            row(kind, n, [as_text(drawn(q, n, seed=seed), q) for q in questions]) for n in NUMBERS
        ]
    if kind == "labels":
        return [
            row("right", 2, [as_text(two[q], q) for q in questions]),
            row("swapped", 2, [as_text(swapped(two[q]), q) for q in questions]),
            row("wrong", 2, [as_text(mislabelled(two[q], seed=seed), q) for q in questions]),
            row("copied", 2, [as_text(copied(two[q]), q) for q in questions]),
            row("blank", 2, [as_text(blank(two[q]), q) for q in questions]),
            row("none", 0, [as_text((), q) for q in questions]),
        ]
    if kind == "order":
        return [
            row(name, "-".join(shown), [as_text(shots, q) for q in questions])
            for name, three in (("filled", THREE), ("one_blank", (*COURSE, *blank(THREE[2:]))))
            for order in itertools.permutations(range(3))
            for shots in [[three[i] for i in order]]
            for shown in [[str(i + 1) if three[i].japanese != BLANK else "_" for i in order]]
        ]
    if kind == "choice":
        return [
            row(name, n, [as_text(shots(q, n), q) for q in questions])
            for n in (1, 2)
            for name, shots in (
                ("random", lambda q, n: drawn(q, n, seed=seed)),
                ("nearest", nearest),
            )
        ]
    return [
        row("mended", 2, [as_text(MENDED, q) for q in questions]),
        row("beautifulday", 2, [as_text(COURSE, q) for q in questions]),
        row("together", 2, [as_text(MENDED, run_together(q)) for q in questions]),
    ]
