"""The last stage of tuning: more of what comes late. LATE says how much of each."""

import random
from collections.abc import Callable

from pocket.facts import FORMS, facts, passage, with_context
from pocket.talks import Talk, talk, told_or_not, turns, with_tools


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
