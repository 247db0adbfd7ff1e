"""One question on its way: searched, packed, answered. The tab and /ask show the same run."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from backend.grounding import (
    Packed,
    Sentence,
    asks,
    cite,
    contradiction,
    in_form,
    is_japanese,
    pack,
    with_marks,
)
from backend.lab import Lab
from backend.over_a_set import answers
from backend.retrieval import Found
from backend.types import SamplingParams, StreamUpdate, TokenStep

HITS, BUDGET = 3, 400  # of the page's defaults: hits asked for, tokens for their lines
FALLBACK = "pocket-chat"
BYTES_A_TOKEN = 4  # an estimate, where the tokenizer is elsewhere


@dataclass(kw_only=True)
class Asked:
    """What is known so far of one question."""

    question: str
    found: Found
    packed: Packed
    model: str
    params: SamplingParams
    steps: list[TokenStep] = field(default_factory=list)
    update: StreamUpdate = field(default_factory=StreamUpdate)  # the last one, for its waiting
    done: bool = False

    @property
    def text(self) -> str:
        """The answer as the model wrote it."""
        return "".join(step.text for step in self.steps).strip()

    @property
    def sentences(self) -> list[Sentence]:
        """The answer with what supports it."""
        return cite(self.text, self.packed.passages, self.question)

    @property
    def answer(self) -> str:
        """The answer with [n] where a passage supports it."""
        return with_marks(self.sentences, ja=is_japanese(self.text))


def chat_model(lab: Lab) -> str:
    """Return the loaded model where it has a chat template, else the one shipped; may load."""
    if lab.can("jobs"):
        lab.engine.model("")
    stats = lab.status()
    current = next((m for m in stats.models if m.model == stats.current), None)
    return current.model if current and current.has_chat_template else FALLBACK


async def asking(
    lab: Lab,
    question: str,
    source: object,
    params: SamplingParams,
    *,
    query: str = "",
    most: int = HITS,
    budget: int = BUDGET,
    person: str = "",
    operation: str = "ask",
) -> AsyncGenerator[Asked, None]:
    """Yield the question once its hits are packed, then as its answer grows. Raises LabError."""
    found = await lab.retrieval.asearch(query or question, source, most=most)
    model = await asyncio.to_thread(chat_model, lab)

    def count(line: str) -> int:
        if not lab.can("jobs"):
            return math.ceil(len(line.encode()) / BYTES_A_TOKEN)
        return sum(not token.special for token in lab.tokenize(line, model))

    packed = await asyncio.to_thread(pack, found.hits, question, budget=budget, count=count)
    asked = Asked(question=question, found=found, packed=packed, model=model, params=params)
    yield asked
    updates = lab.aupdates(
        messages(packed.message), params, model=model, person=person, operation=operation
    )
    async with contextlib.aclosing(updates):
        async for update in updates:
            asked.steps.extend(update.steps)
            asked.update = update
            yield asked
    asked.done = True
    yield asked


def messages(text: str) -> list[dict[str, str]]:
    """Return a text as the one message of a conversation."""
    return [{"role": "user", "content": text}]


@dataclass(frozen=True, kw_only=True)
class Twin:
    """The same question on the same seed with other passages: `none`, `hits` or `wrong`."""

    name: str
    passages: tuple[str, ...]
    question: str
    text: str

    @property
    def sentences(self) -> list[Sentence]:
        """The answer with what of its own passages supports it."""
        return cite(self.text, self.passages, self.question)


async def twins(
    lab: Lab, asked: Asked, lie: str, *, person: str = ""
) -> AsyncGenerator[list[Twin], None]:
    """Yield the answers without context, with the hits, and with `lie` alone, as they end.

    An empty `lie` is one that the lab writes; outside the model's forms there is none then.
    """
    q, seed = asked.question, asked.params.seed or 0
    lie = " ".join(lie.split()) or contradiction(q, asked.packed.passages, seed) or ""
    told: dict[str, tuple[str, ...]] = {"none": (), "hits": asked.packed.passages}
    told |= {"wrong": (lie,)} if lie else {}
    texts = {"hits": asked.text}
    others = [name for name in told if name != "hits"]
    runs = answers(
        lab,
        [messages(asks(q, told[name])) for name in others],
        asked.params,
        model=asked.model,
        person=person,
        operation="ask",
    )
    async with contextlib.aclosing(runs):
        async for ended in runs:
            if ended is not None:
                texts[others[ended[0]]] = ended[1].text.strip()
            yield [
                Twin(name=name, passages=passages, question=q, text=texts[name])
                for name, passages in told.items()
                if name in texts
            ]


def helped(question: str, shown: dict[str, Twin]) -> bool:
    """True where the passages gave a cited answer that the model does not give without them."""
    if not {"none", "hits"} <= set(shown) or shown["hits"].text == shown["none"].text:
        return False
    asked = in_form(question)
    values = {asked.told(passage) for passage in shown["hits"].passages} - {None} if asked else ()
    if values and not any(str(value) in shown["hits"].text for value in values):
        return False  # another sentence of the page was copied
    cited = [s for s in shown["hits"].sentences if s.passage]
    known = cite(shown["none"].text, shown["hits"].passages, question)
    return bool(cited) and not any(s.passage for s in known)
