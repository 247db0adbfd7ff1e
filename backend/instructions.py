"""What an instruction asks, on contents the model never saw, and whether an answer obeys it.

The verdicts are those of the model card (pocket/measure.py): what the grammar's own translation or
paraphrase is, and one short sentence about the subject. A content outside the grammar has none.
"""

import re
from collections.abc import Sequence
from typing import Literal

from backend.over_a_set import Rate
from pocket.sentences import PAIRS
from pocket.stories import a
from pocket.words import SUBJECTS

Task = Literal["translate", "short", "paraphrase"]
CONTENT = "Tell me a story about a dragon."  # the course's, as the four templates are
COURSE = (
    "Please translate to Japanese: {content}",
    "Please translate to Japanese: \nEnglish: {content}\nJapanese:",
    "Please write a short sentence: {content}",
    "Please paraphrase this sentence: {content}",
)
NEW_TOKENS = 40  # the card's
# what names a task in a template, the first that is found
NAMED: tuple[tuple[str, Task], ...] = (
    ("short sentence", "short"),
    ("短い文", "short"),
    ("paraphrase", "paraphrase"),
    ("other words", "paraphrase"),
    ("言い換え", "paraphrase"),
    ("translat", "translate"),
    ("japanese", "translate"),
    ("日本語", "translate"),
    ("訳", "translate"),
    ("=>", "translate"),
)
# wordings that a search tries: requests of several kinds, and what a text might look like
CANDIDATES: dict[Task, tuple[str, ...]] = {
    "translate": (
        COURSE[0],
        COURSE[1],
        "Translate: {content}",
        "{content}\nPlease translate to Japanese.",
        "Say this in Japanese: {content}",
        "{content} In Japanese:",
        "English: {content}\nJapanese:",
        "{content} =>",
    ),
    "paraphrase": (
        COURSE[3],
        "Paraphrase: {content}",
        "Please paraphrase: {content}",
        "Say it in other words: {content}",
        "{content}\nPlease paraphrase this sentence.",
        "{content} In other words:",
    ),
    "short": (COURSE[2], "Short sentence: {content}", "{content}\nPlease write a short sentence."),
}
_PAIRS = {pair.english: pair for pair in PAIRS}


def task_of(template: str) -> Task | None:
    """Return what a template asks for, by the words in it; None where nothing is known."""
    lowered = template.lower()
    return next((task for phrase, task in NAMED if phrase in lowered), None)


def obeys(task: Task | None, content: str, said: str) -> bool | None:
    """Return whether the first line of an answer does the task, None where nobody can tell."""
    from pocket.measure import is_short

    line = (said.strip().splitlines() or [""])[0].strip()
    if task == "short":
        named = re.findall("[a-z]+", content.lower())
        subject = next((word for word in named if word in SUBJECTS), None)
        return is_short(subject, line) if subject else None
    pair = _PAIRS.get(content)
    if task is None or pair is None:
        return None
    return line == (pair.japanese if task == "translate" else pair.paraphrase)


def held_out(task: Task, n: int) -> list[str]:
    """Return `n` contents of a task as the card draws them: sentences never trained on, or, for
    short sentences, requests about drawn subjects."""
    from pocket.measure import held_out_pairs, subjects

    if task == "short":
        return [f"Tell me a story about {a(s)}." for s in subjects(n)]
    return [pair.english for pair in held_out_pairs(n)]


def best(rates: Sequence[Rate], templates: Sequence[str]) -> int:
    """Return the index of the highest rate; of equal ones the shortest template's."""
    return max(range(len(rates)), key=lambda i: (rates[i].share, -len(templates[i])))
