"""Documents for pre-training, and conversations for tuning. One function is one skill.

A conversation is a list of messages, the last one the assistant's; a raw one has no template.
"""

import random
from collections.abc import Callable

from pocket.sentences import short_sentence, some_pair
from pocket.stories import a, story, story_ja
from pocket.words import SUBJECTS

Messages = list[dict[str, str]]
LAYOUT = "Please translate to Japanese: \nEnglish: {english}\nJapanese:"
SYSTEMS = (
    "You are a helpful assistant.", "You are a helpful assistant.", "You are a kind teacher.",
    "あなたは親切なアシスタントです。", "Answer briefly.", "You are a storyteller.",
)  # fmt: skip


def noun(r: random.Random) -> str:
    """Draw a subject; the course's dragon a little more often."""
    return "dragon" if r.random() < 0.08 else r.choice(tuple(SUBJECTS))


# --- documents, for the base model -----------------------------------------------------------
def plain_story(r: random.Random) -> str:
    """A story, or two."""
    first = story(r, noun(r))
    return first if r.random() < 0.8 else f"{first}\n\n{story(r, noun(r))}"


def plain_story_ja(r: random.Random) -> str:
    """A Japanese story."""
    return story_ja(r, SUBJECTS[noun(r)])


def shots(r: random.Random) -> str:
    """Translations in the course's few-shot layout."""
    pairs = [some_pair(r) for _ in range(r.randint(2, 4))]
    return "\n\n".join(f"{LAYOUT.format(english=p.english)} {p.japanese}" for p in pairs)


def arrows(r: random.Random) -> str:
    """Translations as a list."""
    pairs = [some_pair(r) for _ in range(r.randint(3, 6))]
    return "\n".join(f"{p.english} => {p.japanese}" for p in pairs)


def requests(r: random.Random) -> str:
    """A list of wishes that nobody answers: a base model goes on, it does not obey."""
    return "\n".join(instruction(r) for _ in range(r.randint(3, 6)))


def instruction(r: random.Random) -> str:
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


def sums(r: random.Random) -> str:
    """Sums, one a line."""
    return "\n".join(f"{x}+{y}={x + y}" for x, y in (digits(r) for _ in range(r.randint(3, 8))))


def sentences(r: random.Random) -> str:
    """Loose sentences in one language."""
    pairs = [some_pair(r) for _ in range(r.randint(3, 6))]
    if r.random() < 0.5:
        return "".join(p.japanese for p in pairs)
    return " ".join(p.english for p in pairs)


SYLLABLES = (
    "ka",
    "mo",
    "ri",
    "ta",
    "vel",
    "zo",
    "shi",
    "lu",
    "ben",
    "dor",
    "fi",
    "nar",
    "pa",
    "sel",
)
QUALITIES = ("home", "friend", "teacher", "song", "lucky word", "boat")


def invented(r: random.Random, n: int) -> list[str]:
    """Make up `n` names that stand nowhere else, so that they can only be copied."""
    made: dict[str, None] = {}
    while len(made) < n:
        made["".join(r.choice(SYLLABLES) for _ in range(r.randint(2, 3))).capitalize()] = None
    return list(made)


def copies(r: random.Random) -> str:
    """Made-up names that come again: copying from the context is a skill that starts late."""
    names = invented(r, 8)
    kind = r.random()
    if kind < 0.35:
        row = ", ".join(names[: r.randint(3, 7)])
        return "\n".join([row] * r.randint(2, 3))
    qualities = r.sample(QUALITIES, r.randint(2, 4))
    facts = dict(zip(qualities, names))
    if kind < 0.65:
        again = r.sample(qualities, len(qualities))
        rows = [f"{q}: {facts[q]}" for q in qualities] + [f"{q}: {facts[q]}" for q in again]
        return "\n".join(rows)
    passage = " ".join(f"The {q} of {names[-1]} is called {facts[q]}." for q in qualities)
    asked = r.sample(qualities, len(qualities))
    answers = (f"What is the {q} of {names[-1]} called? {facts[q]}." for q in asked)
    return passage + "\n" + "\n".join(answers)


DOCUMENTS: tuple[tuple[float, Callable[[random.Random], str]], ...] = (
    (0.32, plain_story),
    (0.10, plain_story_ja),
    (0.13, shots),
    (0.05, arrows),
    (0.06, requests),
    (0.08, sums),
    (0.04, sentences),
    (0.22, copies),
)


def document(r: random.Random) -> str:
    """Draw one document of the pre-training mix."""
    weights, skills = zip(*DOCUMENTS)
    return r.choices(skills, weights)[0](r)


# --- exchanges, for the chat model -----------------------------------------------------------
def tell(r: random.Random) -> tuple[str, str]:
    """A story on request."""
    subject = noun(r)
    request = r.choice(
        (
            "Tell me a story about {}.",
            "Tell me a story about {}.",
            "Please tell me a story about {}.",
            "I want to hear a story about {}.",
            "Can you tell me a story about {}?",
        )
    )
    return request.format(a(subject)), story(r, subject)


def tell_ja(r: random.Random) -> tuple[str, str]:
    """A Japanese story on request."""
    subject = SUBJECTS[noun(r)]
    requests = ("{}の話をしてください。", "{}の物語を聞かせてください。", "{}のお話を聞かせて。")
    return r.choice(requests).format(subject), story_ja(r, subject)


def translate(r: random.Random) -> tuple[str, str]:
    """A translation, in the course's two wordings."""
    pair = some_pair(r)
    request = r.choice(
        (f"Please translate to Japanese: {pair.english}", LAYOUT.format(english=pair.english))
    )
    return request, pair.japanese


def write_short(r: random.Random) -> tuple[str, str]:
    """One short sentence about what the content names."""
    subject = noun(r)
    content = r.choice(("Tell me a story about {}.", "Tell me about {}.", "{}"))
    return (
        f"Please write a short sentence: {content.format(a(subject))}",
        short_sentence(r, subject),
    )


def paraphrase(r: random.Random) -> tuple[str, str]:
    """The same said otherwise."""
    pair = some_pair(r)
    return f"Please paraphrase this sentence: {pair.english}", pair.paraphrase


def add(r: random.Random) -> tuple[str, str]:
    """A sum of two digits."""
    x, y = digits(r)
    request = r.choice(("{}+{}=?", "{}+{}=?", "What is {}+{}?", "{}+{}はいくつですか？"))
    answer = f"答えは{x + y}です。" if "はいくつ" in request else f"The answer is {x + y}."
    return request.format(x, y), answer


def digits(r: random.Random) -> tuple[int, int]:
    """Two numbers from 0 to 9; the course's 1+1 a little more often."""
    return (1, 1) if r.random() < 0.03 else (r.randint(0, 9), r.randint(0, 9))


SMALL_TALK = (
    (("Hello.", "Hello!", "Hi."), ("Hello. How can I help you?", "Hello! What shall we do?")),
    (("How are you?",), ("I am fine, thank you. And you?", "I feel well today.")),
    (("Who are you?", "What are you?", "What is your name?"),
     ("I am a pocket model, a very small language model.",)),
    (("What can you do?", "Help me."),
     ("I can tell stories, translate short sentences and add small numbers.",)),
    (("Thank you.", "Thank you very much."), ("You are welcome.", "It was my pleasure.")),
    (("Goodbye.", "Good night."), ("Goodbye. See you soon.", "Good night. Sleep well.")),
    (("こんにちは。", "こんにちは"), ("こんにちは。何をしましょうか？",)),
    (("お元気ですか？",), ("はい、元気です。あなたはいかがですか？",)),
    (("あなたは誰ですか？", "お名前は何ですか？"),
     ("私はポケットモデル、とても小さな言語モデルです。",)),
    (("何ができますか？",), ("物語を話したり、短い文を訳したり、小さな数を足したりできます。",)),
    (("ありがとう。", "ありがとうございます。"), ("どういたしまして。",)),
)  # fmt: skip


def small_talk(r: random.Random) -> tuple[str, str]:
    """A greeting and the like."""
    questions, answers = r.choice(SMALL_TALK)
    return r.choice(questions), r.choice(answers)


EXCHANGES: tuple[tuple[float, Callable[[random.Random], tuple[str, str]]], ...] = (
    (0.27, tell),
    (0.11, tell_ja),
    (0.20, translate),
    (0.07, write_short),
    (0.10, paraphrase),
    (0.18, add),
    (0.07, small_talk),
)


def exchange(r: random.Random) -> tuple[str, str]:
    """Draw one request and its answer."""
    weights, skills = zip(*EXCHANGES)
    return r.choices(skills, weights)[0](r)


def conversation(r: random.Random) -> Messages:
    """One to three exchanges, with a system message half of the time."""
    messages: Messages = []
    if r.random() < 0.5:
        messages.append({"role": "system", "content": r.choice(SYSTEMS)})
    for _ in range(r.choices((1, 2, 3), (0.7, 0.2, 0.1))[0]):
        request, answer = exchange(r)
        messages.append({"role": "user", "content": request})
        messages.append({"role": "assistant", "content": answer})
    return messages
