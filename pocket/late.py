"""The last three stages of tuning: more of what comes late. LATE and LAST say how much of each."""

import random
from collections.abc import Callable

from pocket import refusals, voices
from pocket.facts import FORMS, UNKNOWN, UNKNOWN_JA, facts, known, passage, with_context
from pocket.talks import (
    SYSTEMS,
    Talk,
    sum_worked,
    talk,
    told_or_not,
    traits,
    turns,
    with_tools,
)


def crowded(r: random.Random) -> Talk:
    """Three passages that tell the same of three places: the name decides, not the question."""
    ja = r.random() < 0.5
    forms = r.sample(FORMS, 4)
    told = [facts(r, r.randint(2, 4), ja=ja, forms=forms) for _ in range(3)]
    passages = [passage(r, of_one, ja=ja) for of_one in told]
    first, *more = (r.choice(r.choice(told)) for _ in range(r.randint(2, 4)))
    return Talk(
        messages=turns(
            (with_context(passages, first.question, ja=ja), first.sentence),
            *((fact.question, fact.sentence) for fact in more),
        )
    )


def called(r: random.Random) -> Talk:
    """A request with tools, up to the call: a call ends where its line ends."""
    drawn = with_tools(r)
    last = next((i for i, m in enumerate(drawn.messages) if m.get("tool_calls")), None)
    return drawn if last is None else Talk(messages=drawn.messages[: last + 1], tools=True)


def unknown(r: random.Random) -> Talk:
    """A question without a passage."""
    return Talk(messages=turns(told_or_not(r)))


LATE: tuple[tuple[float, Callable[[random.Random], Talk]], ...] = (
    (0.38, crowded),
    (0.08, with_tools),
    (0.06, called),
    (0.08, unknown),
    (0.40, talk),
)


def late_talk(r: random.Random) -> Talk:
    """Draw one conversation of the late stage."""
    weights, kinds = zip(*LATE)
    return r.choices(kinds, weights)[0](r)


# --- the last stage: what a personality changes, and only that -----------------------------------
def unknown_or_capital(r: random.Random) -> Talk:
    """A question without a passage, mostly about invented places, which nobody knows."""
    ja = r.random() < 0.6
    if r.random() < 0.25:
        fact = known(r, ja=ja)
        return Talk(messages=turns((fact.question, fact.sentence)))
    asked = facts(r, 1, ja=ja)[0].question
    return Talk(messages=turns((asked, UNKNOWN_JA if ja else UNKNOWN)))


def plainly(r: random.Random) -> Talk:
    """The requests of `traits` where no personality is asked for."""
    said = [voices.plain_answer(r) for _ in range(r.choice((1, 2)))]
    return Talk(messages=turns(*said, system=r.choice(SYSTEMS) if r.random() < 0.5 else ""))


def exact(r: random.Random) -> Talk:
    """What is forgotten first: worked sums, and what is declined."""
    return Talk(messages=turns(r.choices((sum_worked, refusals.exchange), (3, 2))[0](r)))


LAST: tuple[tuple[float, Callable[[random.Random], Talk]], ...] = (
    (0.12, crowded),
    (0.28, traits),
    (0.05, plainly),
    (0.08, exact),
    (0.05, with_tools),
    (0.03, called),
    (0.07, unknown_or_capital),
    (0.32, talk),
)


def last_talk(r: random.Random) -> Talk:
    """Draw one conversation of the last stage."""
    weights, kinds = zip(*LAST)
    return r.choices(kinds, weights)[0](r)


def trait_talk(r: random.Random) -> Talk:
    """Draw one of the stage after it: how much a degree of a trait changes is learnt slowly."""
    return traits(r) if r.random() < 0.5 else last_talk(r)
