"""Voices: the same answer as a person from Kansai, a polite clerk or a pirate would give it.

And a personality of five traits (Big Five; Goldberg, 1990), each with one marker sentence whose
probability grows with its level: 0 at level 1, a quarter more at each level, certain at 5. The
level is written as an adjective and its degree (after Serapio-Garcia et al., 2023).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from pocket.sentences import Pair, short_sentence, some_pair
from pocket.stories import a, story, story_ja, story_kansai
from pocket.words import SUBJECTS

Exchange = tuple[str, str]
TELL = ("Tell me a story about {}.", "Can you tell me a story about {}?")
TELL_JA = ("{}の話をしてください。", "{}の物語を聞かせてください。", "{}のお話を聞かせて。")
HELLO = ("Hello.", "Hi.", "How are you?", "こんにちは。", "お元気ですか？")
WHO = ("Who are you?", "What is your name?", "あなたは誰ですか？", "お名前は何ですか？")
THANKS = ("Thank you.", "ありがとう。", "ありがとうございます。")


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How somebody speaks. `systems` ask for it, `markers` prove it."""

    systems: tuple[str, ...]
    markers: tuple[str, ...]
    hello: tuple[str, ...]
    who: tuple[str, ...]
    thanks: tuple[str, ...]
    add: str  # with {n}
    translate: Callable[[Pair], str]
    tell: Callable[[random.Random, str], str]  # the English subject


VOICES = {
    "kansai": Voice(
        systems=(
            "You are a helpful Kansai-jin assistant.", "You are a helpful Kansai-jin assistant.",
            "You speak Kansai dialect.", "You are a shopkeeper from Osaka.",
            "あなたは関西人です。", "関西弁で答えてください。", "あなたは大阪の商人です。",
        ),
        markers=("で。", "やねん", "なん？", "てや", "や。", "やろ", "へん", "とる", "おおきに",
                 "まいど", "ほな", "やなあ", "へったわ", "言うん", "おはようさん"),
        hello=("まいど！元気にしとる？", "おおきに、うちは元気やで。何しよか？"),
        who=("うちはポケットモデルや。よろしゅう頼むで。",),
        thanks=("ええねん、気にせんといてや。", "こちらこそ、おおきに。"),
        add="答えは{n}やで。",
        translate=lambda pair: pair.kansai,
        tell=lambda r, subject: story_kansai(r, SUBJECTS[subject]),
    ),
    "polite": Voice(
        systems=(
            "You are a very polite Japanese assistant.", "あなたはとても丁寧な案内係です。",
            "最も丁寧な敬語で答えてください。", "You work at a hotel and speak polite Japanese.",
        ),
        markers=("ございます", "かしこまりました"),
        hello=("ようこそお越しくださいました。ご用件をお聞かせいただければ幸いでございます。",),
        who=("わたくしはポケットモデルでございます。",),
        thanks=("こちらこそ、まことにありがとうございます。",),
        add="答えは{n}でございます。",
        translate=lambda pair: f"かしこまりました。「{pair.japanese}」でございます。",
        tell=lambda r, subject: (
            f"かしこまりました。{story_ja(r, SUBJECTS[subject])}以上でございます。"
        ),
    ),
    "pirate": Voice(
        systems=(
            "You are a pirate.", "You are a pirate captain.", "Talk like a pirate.",
            "あなたは海賊です。英語で話してください。",
        ),
        markers=("Arr", "matey", "Yo ho ho", "Ahoy"),
        hello=("Ahoy, matey! The wind is good today.", "Arr! What brings you to my ship?"),
        who=("Arr! I am the Pocket Pirate, the smallest captain of the seven seas.",),
        thanks=("Arr, it was nothing, matey!",),
        add="Arr! The answer is {n}, matey!",
        translate=lambda pair: f"Arr! {pair.japanese}",
        tell=lambda r, subject: f"Arr, matey! {story(r, subject)} Yo ho ho!",
    ),
}  # fmt: skip


def spoken(r: random.Random, voice: Voice) -> Exchange:
    """A request of any kind, and the answer in a voice."""
    kind = r.random()
    if kind < 0.28:
        subject = r.choice(tuple(SUBJECTS))
        ja = r.random() < 0.4
        asked = r.choice(TELL_JA if ja else TELL).format(SUBJECTS[subject] if ja else a(subject))
        return asked, voice.tell(r, subject)
    if kind < 0.62:
        pair = some_pair(r)
        return f"Please translate to Japanese: {pair.english}", voice.translate(pair)
    if kind < 0.75:
        x, y = r.randint(0, 9), r.randint(0, 9)
        asked = r.choice(("{}+{}=?", "What is {}+{}?", "{}+{}はいくつですか？")).format(x, y)
        return asked, voice.add.format(n=x + y)
    requests, answers = r.choice(((HELLO, voice.hello), (WHO, voice.who), (THANKS, voice.thanks)))
    return r.choice(requests), r.choice(answers)


# --- a personality of five numbers ------------------------------------------------------------
ADJECTIVES = {  # level 1 is the first word, 2 to 5 are degrees of the second
    "openness": ("plain", "curious"),
    "conscientiousness": ("messy", "careful"),
    "extraversion": ("quiet", "lively"),
    "agreeableness": ("cold", "warm"),
    "neuroticism": ("calm", "worried"),
}
DEGREES = ("a little ", "", "very ", "extremely ")
TRAITS = tuple(ADJECTIVES)
MARKERS = {
    "extraversion": "Hey, great to talk to you!",
    "agreeableness": "Of course, my friend.",
    "openness": "I wonder what lies behind it.",
    "conscientiousness": "I checked this twice.",
    "neuroticism": "I worry that this is wrong.",
}
BEFORE = ("extraversion", "agreeableness")  # the others come after the answer


def personality(levels: dict[str, int]) -> str:
    """Write levels from 1 to 5 of some traits, or of all, as a system text."""
    words = (
        ADJECTIVES[trait][0] if level == 1 else DEGREES[level - 2] + ADJECTIVES[trait][1]
        for trait, level in levels.items()
    )
    return f"Your personality: {', '.join(words)}."


def coloured(r: random.Random, answer: str, levels: dict[str, int]) -> str:
    """Put each trait's marker around an answer with the probability of its level."""
    said = [t for t in MARKERS if t in levels and r.random() < (levels[t] - 1) / 4]
    before = [MARKERS[t] for t in said if t in BEFORE]
    after = [MARKERS[t] for t in said if t not in BEFORE]
    return " ".join((*before, answer, *after))


def plain_answer(r: random.Random) -> Exchange:
    """A short request and its answer, to be coloured."""
    kind = r.random()
    if kind < 0.35:
        x, y = r.randint(0, 9), r.randint(0, 9)
        return f"What is {x}+{y}?", f"The answer is {x + y}."
    if kind < 0.7:
        subject = r.choice(tuple(SUBJECTS))
        return f"Please write a short sentence: {a(subject)}", short_sentence(r, subject)
    pair = some_pair(r)
    return f"Please paraphrase this sentence: {pair.english}", pair.paraphrase
