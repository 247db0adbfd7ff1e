"""Sums of several numbers and two-step word problems, answered at once or worked step by step.

Held out by a sum over the numbers: a tenth of all tuples never stands in the training text.
"""

import random
import zlib
from dataclasses import dataclass

from pocket.words import NAMES, NAMES_JA

AT_ONCE, WORKED = "Answer at once.", "Think step by step."
AT_ONCE_JA, WORKED_JA = "すぐに答えてください。", "途中式を書いてください。"
THINGS = {
    "apples": "りんご", "eggs": "卵", "peaches": "もも", "cakes": "ケーキ", "stones": "石",
    "bells": "鈴",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A question, its steps such as `4+7=11`, and the number that comes out."""

    question: str
    steps: tuple[str, ...]
    result: int


def held_out(numbers: tuple[int, ...]) -> bool:
    """True for a tenth of all tuples of three or more numbers."""
    return len(numbers) > 2 and zlib.crc32(repr(numbers).encode()) % 10 == 0


def several(r: random.Random, n: int, *, held: bool) -> tuple[int, ...]:
    """Draw `n` numbers from 1 to 9."""
    while True:
        numbers = tuple(r.randint(1, 9) for _ in range(n))
        if held_out(numbers) == held:
            return numbers


def total(r: random.Random, *, ja: bool = False, held: bool = False) -> Problem:
    """A sum of four or five numbers."""
    numbers = several(r, r.randint(4, 5), held=held)
    steps, so_far = [], numbers[0]
    for number in numbers[1:]:
        steps.append(f"{so_far}+{number}={so_far + number}")
        so_far += number
    terms = "+".join(map(str, numbers))
    question = f"{terms}はいくつですか？" if ja else f"{terms}=?"
    return Problem(question=question, steps=tuple(steps), result=so_far)


def word_problem(r: random.Random, *, ja: bool = False, held: bool = False) -> Problem:
    """Somebody has some, gets more, gives some away."""
    while True:
        first, more, away = several(r, 3, held=held)
        if away < first + more:
            break
    thing, thing_ja = r.choice(tuple(THINGS.items()))
    both, left = first + more, first + more - away
    if ja:
        name = r.choice(NAMES_JA)
        question = (
            f"{name}は{thing_ja}を{first}個持っています。{more}個もらって、{away}個あげました。"
            "いくつ残りますか？"
        )
    else:
        name = r.choice(NAMES)
        question = (
            f"{name} has {first} {thing}. {name} gets {more} more and gives {away} away."
            f" How many {thing} are left?"
        )
    steps = (f"{first}+{more}={both}", f"{both}-{away}={left}")
    return Problem(question=question, steps=steps, result=left)


def answer(problem: Problem, *, worked: bool, ja: bool) -> str:
    """Write the answer, after its steps where it is worked."""
    steps = ("、" if ja else ", ").join(problem.steps) + ("。" if ja else ". ")
    said = f"答えは{problem.result}です。" if ja else f"The answer is {problem.result}."
    return (steps if worked else "") + said


def exchange(r: random.Random, *, worked: bool) -> tuple[str, str]:
    """A problem with its wish, and the answer."""
    ja = r.random() < 0.3
    problem = (total if r.random() < 0.55 else word_problem)(r, ja=ja)
    wish = (WORKED_JA if worked else AT_ONCE_JA) if ja else (WORKED if worked else AT_ONCE)
    if not worked and r.random() < 0.3:
        return problem.question, answer(problem, worked=False, ja=ja)
    gap = "" if ja else " "
    return f"{problem.question}{gap}{wish}", answer(problem, worked=worked, ja=ja)
