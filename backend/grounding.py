"""From hits to an answer that can be checked: packing, citing, and the passage that lies.

The model cites nothing by itself: a sentence is attributed afterwards to the first passage that
contains all its names, numbers and new words, or to none. Pure functions.
"""

import difflib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.retrieval import Hit
from pocket.facts import FORMS, Form, numbered, value, with_context

JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
# a dot inside 3.5 or example.com ends nothing
SENTENCE = re.compile(
    r"[^.!?。！？\n](?:[^.!?。！？\n]|[.!?]++(?=[a-z0-9]))*(?:[.!?。！？]+|\n|$)", re.I
)
WRITTEN = re.compile(r"\s*\[(\d{1,3})\]")
# what a chat template may take for its own: kept readable, no longer a mark
MARKS = re.compile(r"<(?=[/|｜<]|[a-z_]+>)|\[(?=/?INST\])", re.I)
RUNS = re.compile(
    r"[0-9]+(?:[.,][0-9]+)+|[a-z0-9]+|[\u30a1-\u30fa\u30fc]+|[\u3400-\u9fff々]+", re.I
)
INSIDE = re.compile(r"[\u3041-\u3096\u3400-\u9fff々]+")
HIRAGANA = re.compile(r"[\u3041-\u3096]{2,}")
DRAWS = 100  # of a value that no passage gives
COMMON = frozenset(  # English words that carry no fact
    ("a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "had", "has", "have", "he",
     "her", "his", "i", "in", "is", "it", "its", "of", "on", "or", "she", "that", "the", "their",
     "they", "this", "to", "was", "were", "which", "who", "with", "you")
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What of the hits is in the prompt: the first `used`, as far as the budget reaches."""

    hits: tuple[Hit, ...]
    tokens: tuple[int, ...]  # of each hit's numbered line
    used: int
    budget: int
    message: str  # what the model is asked

    @property
    def passages(self) -> tuple[str, ...]:
        """The texts in the prompt; passage n is hit n, counted from 1."""
        return tuple(passage_of(hit) for hit in self.hits[: self.used])


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence of an answer, and the passage (from 1) that supports it, None without one."""

    text: str
    passage: int | None


def passage_of(hit: Hit) -> str:
    """Return a hit's text as data: nothing in it is a mark of a chat template."""
    return MARKS.sub(r"\g<0> ", hit.snippet)


def is_japanese(text: str) -> bool:
    """True where a text has Japanese letters."""
    return bool(JAPANESE.search(text))


def asks(question: str, passages: Sequence[str]) -> str:
    """Return the message of a question with its passages; the question alone without any."""
    if not passages:
        return question
    return with_context(list(passages), question, ja=is_japanese(question))


def pack(hits: Sequence[Hit], question: str, *, budget: int, count: Callable[[str], int]) -> Packed:
    """Take hits from the first on while their lines fit in `budget` tokens."""
    lines = numbered([passage_of(hit) for hit in hits]).split("\n") if hits else []
    tokens = tuple(count(line) for line in lines)
    used = total = 0
    for size in tokens:
        if total + size > budget:
            break
        used, total = used + 1, total + size
    message = asks(question, [passage_of(hit) for hit in hits[:used]])
    return Packed(hits=tuple(hits), tokens=tokens, used=used, budget=budget, message=message)


def cite(answer: str, passages: Sequence[str], question: str) -> list[Sentence]:
    """Split an answer into sentences, each with the passage that supports it.

    Marks [n] that a model wrote itself are taken out first: they are claims, not findings.
    """
    bare = WRITTEN.sub("", answer)
    return [
        Sentence(text=text, passage=support(text, passages, question))
        for found in SENTENCE.finditer(bare)
        if (text := found[0].strip())
    ]


def support(sentence: str, passages: Sequence[str], question: str) -> int | None:
    """Return the first passage with all that a sentence says; one with its very words before."""
    wanted = said(sentence, question)
    if not wanted:
        return None
    holding = [n for n, text in enumerate(passages, start=1) if wanted <= words_of(text, wanted)]
    exact = [n for n in holding if sentence.rstrip(".。 ").lower() in passages[n - 1].lower()]
    return next(iter(exact or holding), None)


def said(sentence: str, question: str) -> set[str]:
    """Return a sentence's words that carry it; nothing where it adds nothing to the question."""
    if is_japanese(sentence):
        runs = {run.lower() for run in RUNS.findall(sentence)}
        new = added(sentence, question)
        if not any(RUNS.search(piece) for piece in new):
            runs |= {found for piece in new for found in HIRAGANA.findall(piece)}
            return runs if any(HIRAGANA.search(piece) for piece in new) else set()
        return runs
    words = {word for word in RUNS.findall(sentence.lower()) if word not in COMMON}
    return words if words - set(RUNS.findall(question.lower())) else set()


def added(sentence: str, question: str) -> list[str]:
    """Return the pieces of a sentence that are not in the question, in order."""
    match = difflib.SequenceMatcher(None, question, sentence, autojunk=False)
    return [
        sentence[start:end]
        for kind, _, _, start, end in match.get_opcodes()
        if kind in ("insert", "replace")
    ]


def words_of(text: str, wanted: set[str]) -> set[str]:
    """Return which wanted words a text has: names and numbers whole, other Japanese anywhere."""
    lowered = text.lower()
    whole = set(RUNS.findall(lowered))
    return {w for w in wanted if w in whole or (INSIDE.fullmatch(w) and w in lowered)}


def with_marks(sentences: Sequence[Sentence], *, ja: bool) -> str:
    """Write an answer with [n] behind each sentence that a passage supports."""
    marked = (f"{s.text} [{s.passage}]" if s.passage else s.text for s in sentences)
    return ("" if ja else " ").join(marked)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question in one of the model's forms."""

    form: Form
    place: str
    ja: bool

    def fact(self, of: str) -> str:
        """Say the fact with a value."""
        return (self.form.fact_ja if self.ja else self.form.fact).format(x=self.place, v=of)

    def told(self, passage: str) -> str | None:
        """Return the value that a passage gives."""
        pattern = re.escape(self.fact("\0")).replace("\0", r"([^.。\s]+?)")
        found = re.search(pattern, passage)
        return found[1] if found else None


def in_form(question: str) -> Question | None:
    """Return the form that a question is asked in, if it is one of the model's."""
    for form in FORMS:
        for ja, asked in ((False, form.question), (True, form.question_ja)):
            pattern = re.escape(asked.format(x="\0")).replace("\0", "(.{1,60}?)")
            if found := re.fullmatch(pattern, question.strip()):
                return Question(form=form, place=found[1], ja=ja)
    return None


def contradiction(question: str, passages: Sequence[str], seed: int) -> str | None:
    """Return a passage that says something else of what is asked; None outside the forms.

    It is the passage that has the answer with another value, or the bare fact.
    """
    asked = in_form(question)
    if asked is None:
        return None
    r = random.Random(seed)
    right = {passage: told for passage in passages if (told := asked.told(passage))}
    drawn = (value(r, asked.form.kind, ja=asked.ja, held=True) for _ in range(DRAWS))
    wrong = next((one for one in drawn if one not in right.values()), None)
    if wrong is None:  # the passages say all there is: five foods, six colours
        return None
    for passage, told in right.items():
        return passage.replace(asked.fact(told), asked.fact(wrong))
    return asked.fact(wrong)
