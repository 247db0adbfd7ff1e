"""What the small recipe reads: a narrower mix, for stories, translations and short sentences.

SMALL_DOCUMENTS and SMALL_EXCHANGES say how much of each. A title names what its story tells, so
that taking the subject from the words before it is learnt before any request is answered.
"""

import random
from collections.abc import Callable

from pocket import corpus
from pocket.corpus import noun
from pocket.sentences import short_sentence, short_sentence_ja
from pocket.stories import a, story, story_ja
from pocket.talks import (
    SYSTEMS,
    Talk,
    add,
    paraphrase,
    small_talk,
    tell,
    tell_ja,
    translate,
    turns,
    write_short,
)
from pocket.voices import Exchange
from pocket.words import SUBJECTS


def titled(r: random.Random) -> tuple[str, str]:
    """A title and its story, English or Japanese."""
    subject = noun(r)
    if r.random() < 0.5:
        return f"A story about {a(subject)}.", story(r, subject)
    return f"{SUBJECTS[subject]}の話。", story_ja(r, SUBJECTS[subject])


def titled_story(r: random.Random) -> str:
    """A story under its title."""
    return "\n".join(titled(r))


def beginnings(r: random.Random) -> str:
    """Titles, each with the first sentence of its story."""
    rows = []
    for title, told in (titled(r) for _ in range(r.randint(3, 6))):
        end = "。" if told.endswith("。") else "."
        rows.append(f"{title}\n{told.split(end)[0]}{end}")
    return "\n".join(rows)


def descriptions(r: random.Random) -> str:
    """Nouns, each with a short sentence about it."""
    ja, rows = r.random() < 0.3, []
    for subject in r.choices(tuple(SUBJECTS), k=r.randint(3, 6)):
        said = short_sentence_ja(r, SUBJECTS[subject]) if ja else short_sentence(r, subject)
        rows.append(f"{SUBJECTS[subject]}：{said}" if ja else f"{a(subject)}: {said}")
    return "\n".join(rows)


SMALL_DOCUMENTS: tuple[tuple[float, Callable[[random.Random], str]], ...] = (
    (0.36, titled_story),
    (0.16, beginnings),
    (0.10, descriptions),
    (0.10, corpus.filled_sheet),
    (0.04, corpus.blank_sheet),
    (0.07, corpus.arrows),
    (0.10, corpus.alike),
    (0.02, corpus.wishes),
    (0.05, corpus.copies),
)
SMALL_EXCHANGES: tuple[tuple[float, Callable[[random.Random], Exchange]], ...] = (
    (0.26, tell),
    (0.24, tell_ja),
    (0.19, translate),
    (0.13, write_short),
    (0.12, paraphrase),
    (0.03, add),
    (0.03, small_talk),
)


def small_document(r: random.Random) -> str:
    """Draw one document of the small recipe."""
    weights, kinds = zip(*SMALL_DOCUMENTS)
    return r.choices(kinds, weights)[0](r)


def small_talks(r: random.Random) -> Talk:
    """Draw one conversation of the small recipe: an exchange or two, some without a format."""
    weights, kinds = zip(*SMALL_EXCHANGES)
    first, more = (kind(r) for kind in r.choices(kinds, weights, k=2))
    form = r.random()
    if form < 0.1:
        return Talk(messages=turns(first), raw=True)
    system = r.choice(SYSTEMS) if r.random() < 0.3 else ""
    return Talk(messages=turns(*((first, more) if form < 0.25 else (first,)), system=system))
