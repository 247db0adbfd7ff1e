"""Personas: the cards, the marks of a voice in an answer, and a personality as a system text.

A voice is heard by the words that only it uses (`pocket.voices`); the verdict is the model card's.
Five levels (Big Five; Goldberg, 1990) and four letters (MBTI; Myers, 1962) become adjectives. The
letters are mapped by their correlations with four of the five traits (McCrae and Costa, 1989).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.errors import LabError
from backend.types import Message
from pocket.voices import TRAITS, VOICES, personality

PLAIN = "You are a helpful assistant."  # the course's
LEVELS = (1, 2, 3, 4, 5)
UNSAID, MIDDLE = 0, 3  # a trait that the system text leaves out; the middle of the others
# letter -> trait, and the side of the trait it goes with
MBTI: Mapping[str, tuple[str, bool]] = {
    "E": ("extraversion", True), "I": ("extraversion", False),
    "N": ("openness", True), "S": ("openness", False),
    "F": ("agreeableness", True), "T": ("agreeableness", False),
    "J": ("conscientiousness", True), "P": ("conscientiousness", False),
}  # fmt: skip
TYPES = tuple(e + n + f + j for e in "EI" for n in "NS" for f in "FT" for j in "JP")
KANSAI = re.compile(r"kansai|関西|かんさい|カンサイ", re.I)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A persona to pick: its name and the system text that asks for it."""

    name: str
    system: str


CARDS = (
    *(Card(name=name, system=voice.systems[0]) for name, voice in VOICES.items()),
    Card(name="plain", system=PLAIN),
)


def card_of(system: str) -> str:
    """Return the name of the card with this system text, "own" where there is none."""
    return next((card.name for card in CARDS if card.system == system.strip()), "own")


def marks_in(text: str, voice: str) -> list[tuple[int, int]]:
    """Return where a voice's marks stand in a text: (start, end), in order, without overlap."""
    longest = sorted(VOICES[voice].markers, key=len, reverse=True)
    found = re.finditer("|".join(map(re.escape, longest)), text)
    return [match.span() for match in found]


def told(system: str, request: str) -> list[Message]:
    """Return a request with a system text, without one where it is empty."""
    head: list[Message] = [{"role": "system", "content": system}] if system.strip() else []
    return [*head, {"role": "user", "content": request}]


def check_voice(voice: object) -> str:
    """Return the name of a voice. Raises LabError."""
    if voice not in VOICES:
        raise LabError(
            "out_of_range",
            f"voice must be one of {', '.join(VOICES)}, got {voice!r:.40}",
            field="voice",
            value=repr(voice)[:40],
            allowed=", ".join(VOICES),
        )
    return str(voice)


def names_kansai(system: str) -> bool:
    """True where a system text says the word Kansai, in whatever letters."""
    return bool(KANSAI.search(unicodedata.normalize("NFKC", system)))


def check_levels(levels: Sequence[object]) -> dict[str, int]:
    """Return levels, in the order of TRAITS, as a table without those unsaid. Raises LabError."""
    table = {}
    for trait, level in zip(TRAITS, levels, strict=True):
        if isinstance(level, bool) or level not in (UNSAID, *LEVELS):
            raise LabError(
                "out_of_range",
                f"{trait} must be in [{UNSAID}, {LEVELS[-1]}], got {level!r:.40}",
                field=trait,
                value=level if isinstance(level, (int, float)) else repr(level)[:40],
                allowed=f"{UNSAID} to {LEVELS[-1]}",
            )
        if level != UNSAID:
            table[trait] = int(level)
    return table


def system_of(levels: Mapping[str, int]) -> str:
    """Return the system text of the levels of some traits, empty of none."""
    return personality(dict(levels)) if levels else ""


def adjective(trait: str, level: int) -> str:
    """Return what a level of a trait becomes in the system text."""
    return personality({trait: level}).partition(": ")[2].removesuffix(".")


def levels_of(letters: str) -> dict[str, int]:
    """Return the levels of four letters: an end of four traits each, neuroticism unsaid.

    Raises LabError for anything but one of each pair, in the order E/I, N/S, F/T, J/P.
    """
    if letters not in TYPES:
        raise LabError(
            "out_of_range",
            f"letters must be one of {', '.join(TYPES)}, got {letters!r:.40}",
            field="letters",
            value=repr(letters)[:40],
            allowed=", ".join(TYPES),
        )
    sides = {MBTI[letter][0]: MBTI[letter][1] for letter in letters}
    return {t: LEVELS[-1 if sides[t] else 0] for t in TRAITS if t in sides}
