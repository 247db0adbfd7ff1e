"""Documents for pre-training. One function is one kind of text; DOCUMENTS says how much of each.

A base model goes on with what it reads; nothing here answers a wish, but lists of wishes and
exercise sheets stand in it as they do on the web: most sheets are blank, some are filled in.
"""

import random
from collections.abc import Callable

from pocket import sums
from pocket.facts import Fact, facts, invented, passage
from pocket.sentences import some_pair
from pocket.stories import a, story, story_ja, story_kansai
from pocket.words import SUBJECTS

LAYOUT = "Please translate to Japanese: \nEnglish: {english}\nJapanese:"
QUALITIES = ("home", "friend", "teacher", "song", "lucky word", "boat")


def noun(r: random.Random) -> str:
    """Draw a subject; the course's dragon a little more often."""
    return "dragon" if r.random() < 0.08 else r.choice(tuple(SUBJECTS))


def plain_story(r: random.Random) -> str:
    """A story, or two."""
    first = story(r, noun(r))
    return first if r.random() < 0.85 else f"{first}\n\n{story(r, noun(r))}"


def plain_story_ja(r: random.Random) -> str:
    """A Japanese story, sometimes in dialect."""
    tell = story_ja if r.random() < 0.8 else story_kansai
    return tell(r, SUBJECTS[noun(r)])


def filled_sheet(r: random.Random) -> str:
    """An exercise sheet in the course's few-shot layout, filled in."""
    pairs = [some_pair(r) for _ in range(r.randint(2, 5))]
    return "\n\n".join(f"{LAYOUT.format(english=p.english)} {p.japanese}" for p in pairs)


def blank_sheet(r: random.Random) -> str:
    """The same sheet before anybody has filled it in."""
    pairs = [some_pair(r) for _ in range(r.randint(1, 3))]
    return "\n\n".join(f"{LAYOUT.format(english=p.english)} ____" for p in pairs)


def arrows(r: random.Random) -> str:
    """Translations as a list."""
    pairs = [some_pair(r) for _ in range(r.randint(3, 6))]
    return "\n".join(f"{p.english} => {p.japanese}" for p in pairs)


def alike(r: random.Random) -> str:
    """Sentences beside the same said otherwise."""
    pairs = [some_pair(r) for _ in range(r.randint(2, 4))]
    return "\n".join(f"{p.english} In other words: {p.paraphrase}" for p in pairs)


def wishes(r: random.Random) -> str:
    """A list of wishes that nobody answers."""
    return "\n".join(wish(r) for _ in range(r.randint(3, 6)))


def wish(r: random.Random) -> str:
    """One wish."""
    pair = some_pair(r)
    return r.choice(
        (
            f"Tell me a story about {a(noun(r))}.",
            f"Please translate to Japanese: {pair.english}",
            f"Please write a short sentence: {pair.english}",
            f"Please paraphrase this sentence: {pair.english}",
            pair.english,
        )
    )


def pairs_of_numbers(r: random.Random) -> str:
    """Sums and differences, one a line."""
    lines = []
    for _ in range(r.randint(4, 8)):
        x, y = r.randint(0, 45), r.randint(0, 9)
        lines.append(f"{x}+{y}={x + y}" if r.random() < 0.7 or y > x else f"{x}-{y}={x - y}")
    return "\n".join(lines)


def worked(r: random.Random) -> str:
    """Problems with their steps written out."""
    ja = r.random() < 0.3
    problems = [
        (sums.total if r.random() < 0.55 else sums.word_problem)(r, ja=ja)
        for _ in range(r.randint(1, 3))
    ]
    gap = "" if ja else " "
    return "\n".join(f"{p.question}{gap}{sums.answer(p, worked=True, ja=ja)}" for p in problems)


def loose(r: random.Random) -> str:
    """Loose sentences in one language."""
    pairs = [some_pair(r) for _ in range(r.randint(3, 6))]
    kind = r.random()
    if kind < 0.5:
        return " ".join(p.english for p in pairs)
    return "".join(p.japanese if kind < 0.8 else p.kansai for p in pairs)


def copies(r: random.Random) -> str:
    """Made-up names that come again: copying from the context is a skill that starts late."""
    ja = r.random() < 0.3
    names = [invented(r, ja=ja) for _ in range(8)]
    if r.random() < 0.5:
        row = ("、" if ja else ", ").join(names[: r.randint(3, 7)])
        return "\n".join([row] * r.randint(2, 3))
    qualities = r.sample(QUALITIES, r.randint(3, 5))
    pairs = list(zip(qualities, names))
    again = r.sample(pairs, len(pairs))
    return "\n".join(f"{quality}: {name}" for quality, name in (*pairs, *again))


def questions(r: random.Random) -> str:
    """Passages on one to three places, then questions with their answers."""
    ja = r.random() < 0.35
    gap = "" if ja else " "
    places = r.choices((1, 2, 3), (0.5, 0.3, 0.2))[0]
    told = [facts(r, r.randint(2, 4) if places == 1 else 2, ja=ja) for _ in range(places)]
    text = "\n".join(passage(r, of_one, ja=ja) for of_one in told)
    every: list[Fact] = [fact for of_one in told for fact in of_one]
    asked = r.sample(every, min(len(every), 4))
    return text + "\n" + "\n".join(f"{f.question}{gap}{f.sentence}" for f in asked)


DOCUMENTS: tuple[tuple[float, Callable[[random.Random], str]], ...] = (
    (0.17, plain_story),
    (0.12, plain_story_ja),
    (0.07, filled_sheet),
    (0.12, blank_sheet),
    (0.04, arrows),
    (0.04, alike),
    (0.05, wishes),
    (0.05, pairs_of_numbers),
    (0.09, worked),
    (0.03, loose),
    (0.08, copies),
    (0.14, questions),
)


def document(r: random.Random) -> str:
    """Draw one document of the pre-training mix."""
    weights, kinds = zip(*DOCUMENTS)
    return r.choices(kinds, weights)[0](r)
