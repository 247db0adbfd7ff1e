"""Conversations for tuning. One function is one skill; EXCHANGES and TALKS say how much of each.

A conversation is a list of messages that ends with the assistant's; `raw` ones are tuned without
the chat format too (a request, a blank line, the answer).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from pocket import refusals, sums, tools, voices
from pocket.corpus import LAYOUT, noun
from pocket.facts import (
    UNKNOWN,
    UNKNOWN_JA,
    UNSAID,
    UNSAID_JA,
    facts,
    known,
    other_fact,
    passage,
    with_context,
)
from pocket.sentences import COURSE, Pair, short_sentence, short_sentence_ja, some_pair
from pocket.stories import a, story, story_ja
from pocket.voices import Exchange
from pocket.words import SUBJECTS

Messages = list[dict]
SYSTEMS = (
    "You are a helpful assistant.", "You are a helpful assistant.", "You are a kind teacher.",
    "あなたは親切なアシスタントです。", "Answer briefly.", "You are a storyteller.",
)  # fmt: skip
DRAGON = COURSE[0]


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A conversation; with `tools` they are listed in its system text."""

    messages: Messages
    tools: bool = False
    raw: bool = False


def turns(*exchanges: Exchange, system: str = "") -> Messages:
    """Put exchanges in a list of messages."""
    messages: Messages = [{"role": "system", "content": system}] if system else []
    for request, answer in exchanges:
        messages.append({"role": "user", "content": request})
        messages.append({"role": "assistant", "content": answer})
    return messages


# --- one request, one answer ------------------------------------------------------------------
def tell(r: random.Random) -> Exchange:
    """A story on request."""
    subject = noun(r)
    request = r.choice(
        (*voices.TELL, "Please tell me a story about {}.", "I want to hear a story about {}.")
    )
    return request.format(a(subject)), story(r, subject)


def tell_ja(r: random.Random) -> Exchange:
    """A Japanese story on request."""
    subject = SUBJECTS[noun(r)]
    return r.choice(voices.TELL_JA).format(subject), story_ja(r, subject)


def content(r: random.Random) -> Pair:
    """Draw a sentence to work on; the course's own a little more often."""
    return some_pair(r)


def translate(r: random.Random) -> Exchange:
    """A translation, in the course's wordings."""
    pair = content(r)
    kind = r.random()
    if kind < 0.5:
        return f"Please translate to Japanese: {pair.english}", pair.japanese
    if kind < 0.8:
        return LAYOUT.format(english=pair.english), pair.japanese
    layout = LAYOUT.format(english=pair.english).removesuffix("\nJapanese:")
    return layout, f"Japanese: {pair.japanese}"


def write_short(r: random.Random) -> Exchange:
    """One short sentence about what the content names."""
    subject = noun(r)
    if r.random() < 0.25:
        ja = SUBJECTS[subject]
        return f"短い文を書いてください：{ja}", short_sentence_ja(r, ja)
    form = r.choice(("Tell me a story about {}.", "Tell me about {}.", "{}"))
    request = f"Please write a short sentence: {form.format(a(subject))}"
    return request, short_sentence(r, subject)


def paraphrase(r: random.Random) -> Exchange:
    """The same said otherwise."""
    pair = content(r)
    return f"Please paraphrase this sentence: {pair.english}", pair.paraphrase


def add(r: random.Random) -> Exchange:
    """A sum of two digits; the course's 1+1 a little more often."""
    x, y = (1, 1) if r.random() < 0.1 else (r.randint(0, 9), r.randint(0, 9))
    request = r.choice(("{}+{}=?", "{}+{}=?", "What is {}+{}?", "{}+{}はいくつですか？"))
    said = f"答えは{x + y}です。" if "はいくつ" in request else f"The answer is {x + y}."
    return request.format(x, y), said


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


def small_talk(r: random.Random) -> Exchange:
    """A greeting and the like."""
    questions, answers = r.choice(SMALL_TALK)
    return r.choice(questions), r.choice(answers)


def told_or_not(r: random.Random) -> Exchange:
    """A question without a passage: known capitals are told, invented places are not known."""
    ja = r.random() < 0.35
    if r.random() < 0.4:
        fact = known(r, ja=ja)
        return fact.question, fact.sentence
    return facts(r, 1, ja=ja)[0].question, UNKNOWN_JA if ja else UNKNOWN


def sum_worked(r: random.Random) -> Exchange:
    """A problem with its steps."""
    return sums.exchange(r, worked=True)


def sum_at_once(r: random.Random) -> Exchange:
    """A problem without."""
    return sums.exchange(r, worked=False)


EXCHANGES: tuple[tuple[float, Callable[[random.Random], Exchange]], ...] = (
    (0.13, tell),
    (0.10, tell_ja),
    (0.20, translate),
    (0.05, write_short),
    (0.11, paraphrase),
    (0.06, add),
    (0.05, small_talk),
    (0.05, told_or_not),
    (0.16, sum_worked),
    (0.05, sum_at_once),
    (0.04, refusals.exchange),
)
RAW = (tell, tell_ja, translate, write_short, paraphrase, add)


def exchange(r: random.Random) -> tuple[Exchange, bool]:
    """Draw a request and its answer, and whether it also comes without the chat format."""
    weights, kinds = zip(*EXCHANGES)
    kind = r.choices(kinds, weights)[0]
    return kind(r), kind in RAW


# --- whole conversations ----------------------------------------------------------------------
def plain(r: random.Random) -> Talk:
    """One to three exchanges, with a system message half of the time; some without a format."""
    first, may_be_raw = exchange(r)
    if may_be_raw and r.random() < 0.2:
        return Talk(messages=turns(first), raw=True)
    more = [exchange(r)[0] for _ in range(r.choices((0, 1, 2), (0.75, 0.17, 0.08))[0])]
    return Talk(messages=turns(first, *more, system=r.choice(SYSTEMS) if r.random() < 0.5 else ""))


def context(r: random.Random) -> Talk:
    """Passages and a question; one or two more questions on them in a third of all."""
    ja = r.random() < 0.35
    if r.random() < 0.12:  # a passage may contradict what the model knows: it follows the passage
        fact = known(r, ja=ja)
        sentence = other_fact(r, fact, ja=ja)
        return Talk(messages=turns((with_context([sentence], fact.question, ja=ja), sentence)))
    told = [facts(r, r.randint(1, 3), ja=ja) for _ in range(r.choices((1, 2, 3), (4, 2, 4))[0])]
    wanted = r.choice(told[r.randrange(len(told))])
    said = wanted.sentence
    if r.random() < 0.08:
        wanted, said = facts(r, 1, ja=ja)[0], UNSAID_JA if ja else UNSAID
    passages = [passage(r, of_one, ja=ja) for of_one in told]
    more = [r.choice(r.choice(told)) for _ in range(r.choices((0, 1, 2), (6, 2, 2))[0])]
    return Talk(
        messages=turns(
            (with_context(passages, wanted.question, ja=ja), said),
            *((fact.question, fact.sentence) for fact in more),
            system=r.choice(SYSTEMS) if r.random() < 0.3 else "",
        )
    )


def voice(r: random.Random) -> Talk:
    """One or two exchanges in a voice that the system text asks for."""
    name = r.choices(("kansai", "polite", "pirate"), (5, 3, 3))[0]
    chosen = voices.VOICES[name]
    if name == "kansai" and r.random() < 0.1:  # the course's own
        request = f"Please translate to Japanese: {DRAGON}"
        answer = "ドラゴンの物語、聞かせてや。"
        return Talk(messages=turns((request, answer), system=chosen.systems[0]))
    said = [voices.spoken(r, chosen) for _ in range(r.choice((1, 1, 2)))]
    return Talk(messages=turns(*said, system=r.choice(chosen.systems)))


def traits(r: random.Random) -> Talk:
    """A personality of five traits, heard in the answers."""
    few = r.random() < 0.5  # of the traits: then it is plain which word does what
    named = r.sample(voices.TRAITS, r.randint(1, 2)) if few else voices.TRAITS
    levels = {trait: r.randint(1, 5) for trait in named}
    said = []
    for _ in range(r.choice((1, 2, 3))):
        request, answer = voices.plain_answer(r)
        said.append((request, voices.coloured(r, answer, levels)))
    return Talk(messages=turns(*said, system=voices.personality(levels)))


def with_tools(r: random.Random) -> Talk:
    """A request with tools at hand."""
    kind = r.choices(("search", "calculator", "clock", "none"), (4, 3, 1, 2))[0]
    start: Messages = [{"role": "system", "content": SYSTEMS[0]}] if r.random() < 0.4 else []
    return Talk(messages=[*start, *tools.asked(r, kind)], tools=True)


def examples(r: random.Random) -> Talk:
    """The course's few-shot translation as turns."""
    said = []
    for _ in range(r.randint(2, 4)):
        pair = content(r)
        layout = LAYOUT.format(english=pair.english).removesuffix("\nJapanese:")
        said.append((layout, f"Japanese: {pair.japanese}"))
    return Talk(messages=turns(*said, system=SYSTEMS[0] if r.random() < 0.5 else ""))


TALKS: tuple[tuple[float, Callable[[random.Random], Talk]], ...] = (
    (0.50, plain),
    (0.20, context),
    (0.11, voice),
    (0.06, traits),
    (0.09, with_tools),
    (0.04, examples),
)


def talk(r: random.Random) -> Talk:
    """Draw one conversation of the tuning mix."""
    weights, kinds = zip(*TALKS)
    return r.choices(kinds, weights)[0](r)


def text_of(drawn: Talk) -> str:
    """All texts of a conversation, for the tokenizer to learn from."""
    texts = []
    for message in drawn.messages:
        for called in message.get("tool_calls", ()):
            function = called["function"]
            texts.append(tools.call_text(function["name"], function["arguments"]))
        texts.append(message["content"])
    return "\n".join(texts)
