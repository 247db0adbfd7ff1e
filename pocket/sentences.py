"""English sentences with their Japanese and a paraphrase, composed so that some can be held out.

Held out means: never in the training text. A sum over the English text decides, so the split is
by construction and the same on every machine.
"""

import random
import zlib
from dataclasses import dataclass

from pocket.stories import a
from pocket.words import SUBJECTS

OBJECTS = {
    "an apple": "りんご", "bread": "パン", "a fish": "魚", "a cake": "ケーキ", "an egg": "卵",
    "soup": "スープ", "a peach": "もも", "rice": "ごはん",
}  # fmt: skip
SIGHTS = {
    "the moon": "月", "the sea": "海", "a flower": "花", "the mountain": "山", "a ship": "船",
    "the snow": "雪", "a star": "星", "the river": "川",
}  # fmt: skip
# present, past, Japanese stem, plain present and past (for the dialect), objects
VERBS = (
    ("eats", "ate", "食べま", "食べる", "食べた", OBJECTS),
    ("buys", "bought", "買いま", "買う", "買うた", OBJECTS),
    ("wants", "wanted", "ほしがりま", "ほしがる", "ほしがった", OBJECTS),
    ("sees", "saw", "見ま", "見る", "見た", SIGHTS),
    ("draws", "drew", "かきま", "かく", "かいた", SIGHTS),
    ("loves", "loved", "愛しま", "愛しとる", "愛しとった", SIGHTS),
)
STATES = {
    "big": ("大きい", "large"), "small": ("小さい", "little"), "fast": ("速い", "quick"),
    "happy": ("うれしい", "glad"), "strong": ("強い", "powerful"), "cute": ("かわいい", "lovely"),
    "young": ("若い", "not old"), "sad": ("悲しい", "unhappy"), "kind": ("やさしい", "gentle"),
}  # fmt: skip
# English: Japanese, a paraphrase, Kansai dialect
EVERYDAY = {
    "How are you?": ("お元気ですか？", "How do you feel?", "元気にしとる？"),
    "Today is a beautiful day.": (
        "今日はいい天気ですね。", "It is a lovely day today.", "今日はええ天気やなあ。"),
    "Today is a beautifulday.": (
        "今日はいい天気ですね。", "It is a lovely day today.", "今日はええ天気やなあ。"),
    "What is your name?": ("お名前は何ですか？", "May I ask your name?", "名前は何て言うん？"),
    "Good morning.": ("おはようございます。", "Good day to you.", "おはようさん。"),
    "Good night.": ("おやすみなさい。", "Sleep well.", "ほな、おやすみ。"),
    "Thank you very much.": ("どうもありがとうございます。", "Many thanks.", "ほんまおおきに。"),
    "See you tomorrow.": ("また明日。", "Until tomorrow.", "ほな、また明日な。"),
    "I am hungry.": ("おなかがすきました。", "I want to eat.", "腹へったわ。"),
    "Where is the station?": (
        "駅はどこですか？", "How do I get to the station?", "駅はどこなん？"),
    "I do not understand.": ("わかりません。", "This is not clear to me.", "わからへんわ。"),
    "Please help me.": ("手伝ってください。", "I need your help.", "手伝ってや。"),
}  # fmt: skip
COURSE = ("Tell me a story about a dragon.", *EVERYDAY)  # may be in the training text


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A sentence, its translation, the same said otherwise, and the translation in dialect."""

    english: str
    japanese: str
    paraphrase: str
    kansai: str


def all_pairs() -> tuple[Pair, ...]:
    """Return every sentence of the grammar."""
    rows = [(english, *others) for english, others in EVERYDAY.items()]
    for noun, ja in SUBJECTS.items():
        rows += [
            (f"Tell me a story about {a(noun)}.", f"{ja}の物語を聞かせてください。",
             f"Please share a tale about {a(noun)}.", f"{ja}の物語、聞かせてや。"),
            (f"I like the {noun}.", f"私は{ja}が好きです。", f"The {noun} is my favorite.",
             f"うちは{ja}が好きやねん。"),
            (f"Where is the {noun}?", f"{ja}はどこですか？", f"Do you know where the {noun} is?",
             f"{ja}はどこなん？"),
            (f"This is {a(noun)}.", f"これは{ja}です。", f"What you see is {a(noun)}.",
             f"これは{ja}やで。"),
            (f"I saw {a(noun)} yesterday.", f"昨日、{ja}を見ました。",
             f"Yesterday, I met {a(noun)}.", f"昨日、{ja}を見たで。"),
            (f"Do you know the {noun}?", f"{ja}を知っていますか？",
             f"Have you heard of the {noun}?", f"{ja}を知っとる？"),
        ]  # fmt: skip
        for state, (state_ja, other) in STATES.items():
            rows.append((f"The {noun} is {state}.", f"{ja}は{state_ja}です。",
                         f"The {noun} is {other}.", f"{ja}は{state_ja}で。"))  # fmt: skip
        for present, past, stem, now, then, things in VERBS:
            for thing, thing_ja in things.items():
                for verb, ending, plain in ((present, "す", now), (past, "した", then)):
                    rows.append(
                        (
                            f"The {noun} {verb} {thing}.",
                            f"{ja}は{thing_ja}を{stem}{ending}。",
                            f"{thing[0].upper()}{thing[1:]} is what the {noun} {verb}.",
                            f"{ja}は{thing_ja}を{plain}で。",
                        )
                    )
    return tuple(
        Pair(english=english, japanese=japanese, paraphrase=paraphrase, kansai=kansai)
        for english, japanese, paraphrase, kansai in rows
    )


def held_out(english: str) -> bool:
    """True for a tenth of the sentences, the course's own apart."""
    return english not in COURSE and zlib.crc32(english.encode()) % 10 == 0


PAIRS = all_pairs()
TRAINING = tuple(pair for pair in PAIRS if not held_out(pair.english))
HELD_OUT = tuple(pair for pair in PAIRS if held_out(pair.english))
_SHORT = tuple(pair for pair in TRAINING if pair.english in COURSE or "story" in pair.english)


def some_pair(r: random.Random) -> Pair:
    """Draw a training sentence; the course's, everyday ones and requests come more often."""
    if r.random() < 0.03:
        return next(pair for pair in _SHORT if pair.english == COURSE[0])
    return r.choice(_SHORT) if r.random() < 0.2 else r.choice(TRAINING)


SCENES = (
    "sleeps under the moon", "dances in the rain", "flies over the sea", "smiles at a star",
    "sings in the forest", "walks along the river", "reads an old book", "waits near the bridge",
)  # fmt: skip


def short_sentence(r: random.Random, noun: str) -> str:
    """Write one short sentence about a noun."""
    form = r.choice(
        ("The {noun} {scene}.", "A little {noun} {scene}.", "Today the {noun} {scene}.")
    )
    return form.format(noun=noun, scene=r.choice(SCENES))


SCENES_JA = (
    "月の下で眠ります", "雨の中で踊ります", "海の上を飛びます", "星に笑いかけます",
    "森で歌います", "川のそばを歩きます", "古い本を読みます", "橋の近くで待ちます",
)  # fmt: skip


def short_sentence_ja(r: random.Random, noun: str) -> str:
    """Write one short Japanese sentence about a Japanese noun."""
    form = r.choice(("{noun}は{scene}。", "小さな{noun}が{scene}。", "今日、{noun}は{scene}。"))
    return form.format(noun=noun, scene=r.choice(SCENES_JA))
