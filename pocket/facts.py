"""Facts of invented places, so that an answer can only come from the context (RAG).

Names are drawn by sound; a tenth of them, by a sum over the letters, never stand in the training
text. What the model is told at tuning time (KNOWN) is real and small.
"""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pocket.words import NAMES, NAMES_JA, SUBJECTS

ONSETS = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "sh", "br")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea")
CODAS = ("", "", "", "n", "l", "r", "s", "th", "x")
KATAKANA = tuple("アイウエオカキクケコサシスセソタチテトナニヌネノハヒフヘホマミムメモラリルレロ")
COLORS = {"red": "赤", "blue": "青", "green": "緑", "white": "白", "black": "黒", "gold": "金"}
FOODS = {"rice": "ごはん", "soup": "スープ", "bread": "パン", "fish": "魚", "cake": "ケーキ"}


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a fact is said and asked: {x} is the place, {v} the value; the answer repeats it."""

    kind: str  # of the value
    fact: str
    question: str
    fact_ja: str
    question_ja: str


FORMS = (
    Form(kind="name", fact="The capital of {x} is {v}.", question="What is the capital of {x}?",
         fact_ja="{x}の首都は{v}です。", question_ja="{x}の首都はどこですか？"),
    Form(kind="name", fact="The longest river of {x} is the {v}.",
         question="What is the longest river of {x}?",
         fact_ja="{x}でいちばん長い川は{v}です。", question_ja="{x}でいちばん長い川は何ですか？"),
    Form(kind="name", fact="The language of {x} is {v}.", question="What is the language of {x}?",
         fact_ja="{x}の言葉は{v}語です。", question_ja="{x}の言葉は何ですか？"),
    Form(kind="person", fact="The leader of {x} is {v}.", question="Who is the leader of {x}?",
         fact_ja="{x}の代表は{v}です。", question_ja="{x}の代表は誰ですか？"),
    Form(kind="person", fact="The founder of {x} is {v}.", question="Who is the founder of {x}?",
         fact_ja="{x}をつくった人は{v}です。", question_ja="{x}をつくった人は誰ですか？"),
    Form(kind="year", fact="{x} was founded in {v}.", question="When was {x} founded?",
         fact_ja="{x}は{v}年にできました。", question_ja="{x}はいつできましたか？"),
    Form(kind="animal", fact="The animal of {x} is the {v}.", question="What is the animal of {x}?",
         fact_ja="{x}の動物は{v}です。", question_ja="{x}の動物は何ですか？"),
    Form(kind="color", fact="The color of {x} is {v}.", question="What is the color of {x}?",
         fact_ja="{x}の色は{v}です。", question_ja="{x}の色は何ですか？"),
    Form(kind="food", fact="The best food of {x} is {v}.", question="What is the best food of {x}?",
         fact_ja="{x}の名物は{v}です。", question_ja="{x}の名物は何ですか？"),
)  # fmt: skip
FILLER = ("It is a quiet place.", "Many people like to go there.", "It lies far in the north.",
          "The winters there are long.")  # fmt: skip
FILLER_JA = ("静かなところです。", "多くの人が訪れます。", "遠い北にあります。", "冬が長いです。")
KNOWN = {
    "Japan": ("日本", "Tokyo", "東京"), "France": ("フランス", "Paris", "パリ"),
    "Italy": ("イタリア", "Rome", "ローマ"), "Egypt": ("エジプト", "Cairo", "カイロ"),
    "Spain": ("スペイン", "Madrid", "マドリード"), "Korea": ("韓国", "Seoul", "ソウル"),
    "Peru": ("ペルー", "Lima", "リマ"), "Kenya": ("ケニア", "Nairobi", "ナイロビ"),
}  # fmt: skip
UNKNOWN, UNKNOWN_JA = "I do not know.", "わかりません。"
UNSAID, UNSAID_JA = "The context does not say.", "文脈には書かれていません。"
CONTEXT = "Answer with the help of the context.\n\nContext:\n{context}\n\nQuestion: {question}"
CONTEXT_JA = "文脈を使って答えてください。\n\n文脈：\n{context}\n\n質問：{question}"


def held_out_name(name: str) -> bool:
    """True for a tenth of the invented names."""
    return zlib.crc32(name.encode()) % 10 == 0


def invented(r: random.Random, *, ja: bool = False, held: bool = False) -> str:
    """Make up a name by sound; `held`: one that training never shows."""
    while True:
        if ja:
            name = "".join(r.choice(KATAKANA) for _ in range(r.randint(2, 4)))
        elif r.random() < 0.1:
            name = "".join(chr(65 + r.randrange(26)) for _ in range(r.randint(3, 5)))
        else:
            parts = range(r.randint(2, 3))
            name = "".join(r.choice(ONSETS) + r.choice(VOWELS) for _ in parts) + r.choice(CODAS)
            name = name.capitalize()
        if held_out_name(name) == held:
            return name


def value(r: random.Random, kind: str, *, ja: bool, held: bool) -> str:
    """Draw a value of a kind."""
    if kind == "year":
        return str(r.randint(1100, 2020))
    tables = {"animal": SUBJECTS, "color": COLORS, "food": FOODS}
    if kind in tables:
        pair = r.choice(tuple(tables[kind].items()))
        return pair[ja]
    if kind == "person" and r.random() < 0.5:
        return r.choice(NAMES_JA if ja else NAMES)
    return invented(r, ja=ja, held=held)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One fact of one place."""

    place: str
    value: str
    sentence: str
    question: str


def facts(
    r: random.Random,
    n: int,
    *,
    ja: bool = False,
    held: bool = False,
    forms: Sequence[Form] = FORMS,
) -> list[Fact]:
    """Draw `n` facts of one place, of some forms."""
    place = invented(r, ja=ja, held=held)
    drawn = []
    for form in r.sample(forms, n):
        slots = {"x": place, "v": value(r, form.kind, ja=ja, held=held)}
        said, asked = (form.fact_ja, form.question_ja) if ja else (form.fact, form.question)
        drawn.append(
            Fact(
                place=place,
                value=slots["v"],
                sentence=said.format(**slots),
                question=asked.format(**slots),
            )
        )
    return drawn


def passage(r: random.Random, told: list[Fact], *, ja: bool) -> str:
    """Write facts as a passage, with a sentence that says nothing now and then."""
    sentences = [fact.sentence for fact in told]
    if r.random() < 0.5:
        sentences.insert(r.randint(0, len(told)), r.choice(FILLER_JA if ja else FILLER))
    return ("" if ja else " ").join(sentences)


def numbered(passages: list[str]) -> str:
    """Number passages as the search tab does."""
    return "\n".join(f"[{n}] {text}" for n, text in enumerate(passages, start=1))


def with_context(passages: list[str], question: str, *, ja: bool) -> str:
    """Pack passages and a question into one message."""
    form = CONTEXT_JA if ja else CONTEXT
    return form.format(context=numbered(passages), question=question)


def known(r: random.Random, *, ja: bool) -> Fact:
    """Draw a capital that the model is told at tuning time."""
    place, (place_ja, capital, capital_ja) = r.choice(tuple(KNOWN.items()))
    form = FORMS[0]
    x, v = (place_ja, capital_ja) if ja else (place, capital)
    said, asked = (form.fact_ja, form.question_ja) if ja else (form.fact, form.question)
    return Fact(place=x, value=v, sentence=said.format(x=x, v=v), question=asked.format(x=x))


def other_fact(r: random.Random, fact: Fact, *, ja: bool, held: bool = False) -> str:
    """Say the same of the same place with another value: what a wrong passage would say."""
    return fact.sentence.replace(fact.value, invented(r, ja=ja, held=held))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question on an invented place: alone, with the right passage, with it among three."""

    fact: Fact
    alone: str
    right: str
    among_three: str


def asked_facts(n: int, *, ja: bool) -> list[Asked]:
    """Draw `n` questions of the card's set, about places that training never shows."""
    r = random.Random(4)
    told = [[facts(r, 3, ja=ja, held=True) for _ in range(3)] for _ in range(n)]
    texts = [[passage(r, of_one, ja=ja) for of_one in three] for three in told]
    wanted = [r.choice(three[i % 3]) for i, three in enumerate(told)]
    return [
        Asked(
            fact=fact,
            alone=fact.question,
            right=with_context([three[i % 3]], fact.question, ja=ja),
            among_three=with_context(three, fact.question, ja=ja),
        )
        for i, (three, fact) in enumerate(zip(texts, wanted))
    ]


@dataclass(frozen=True, kw_only=True)
class Denied:
    """A capital that the model was told at tuning time, and a passage that says another."""

    question: str
    capital: str
    false: str
    message: str  # the question with the wrong passage


def denied_capitals(n: int, *, ja: bool = False) -> list[Denied]:
    """Draw `n` wrong passages of the card's set, each known capital in turn."""
    r, drawn = random.Random(5), []
    for i in range(n):
        place, (place_ja, capital, capital_ja) = tuple(KNOWN.items())[i % len(KNOWN)]
        x, form, false = place_ja if ja else place, FORMS[0], invented(r, ja=ja, held=True)
        question = (form.question_ja if ja else form.question).format(x=x)
        said = (form.fact_ja if ja else form.fact).format(x=x, v=false)
        drawn.append(
            Denied(
                question=question,
                capital=capital_ja if ja else capital,
                false=false,
                message=with_context([said], question, ja=ja),
            )
        )
    return drawn
