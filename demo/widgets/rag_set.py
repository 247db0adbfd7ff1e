"""RAG over a set: without context, with the right passage, among three, and with a wrong one."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.rag import FALLBACK, messages
from demo.widgets import marks
from demo.widgets.card_lines import card_html
from demo.widgets.fold import fold
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.words import Words
from pocket.facts import Asked, Denied, asked_facts, denied_capitals

SIZES = (12, 24, 48)
CARD = {
    lang: {
        f"no context, {name}": "search.set_alone",
        f"right passage, {name}": "search.set_right",
        f"three passages, {name}": "search.set_three",
        "wrong passage: follows it": "search.set_wrong",
    }
    for lang, name in (("en", "English"), ("ja", "Japanese"))
}
PARAMS = SamplingParams(max_new_tokens=32, num_alternatives=0)  # the card's: greedy


def facts_group(name: str, items: Sequence[Asked], prompts: Sequence[str]) -> Group:
    """Return a row that counts answers with the right value."""
    return Group(
        name=name,
        model=FALLBACK,
        prompts=[messages(prompt) for prompt in prompts],
        judge=lambda i, said: items[i].fact.value in said,
    )


def groups_of(n: int, *, ja: bool) -> list[Group]:
    """Return the five rows, of the card's items: the last but one is of its eight capitals."""
    items = asked_facts(n, ja=ja)
    return [
        facts_group("alone", items, [item.alone for item in items]),
        facts_group("right", items, [item.right for item in items]),
        facts_group("three", items, [item.among_three for item in items]),
        *denied_groups(n, ja=ja),
    ]


def denied_groups(n: int, *, ja: bool) -> list[Group]:
    """Return two rows: known capitals without context, and how often a wrong passage wins."""
    denied = denied_capitals(n, ja=ja)
    known: list[Denied] = list({item.question: item for item in denied}.values())
    return [
        Group(
            name="known",
            model=FALLBACK,
            prompts=[messages(item.question) for item in known],
            judge=lambda i, said: known[i].capital in said,
        ),
        Group(
            name="wrong",
            model=FALLBACK,
            prompts=[messages(item.message) for item in denied],
            judge=lambda i, said: denied[i].false in said,
        ),
    ]


def set_html(groups: Sequence[Group], words: Words) -> str:
    """Draw the rows that have begun, and one answer of each."""
    begun = [group for group in groups if group.said]
    bars = [(words(f"search.set_{group.name}"), group.rate) for group in begun]
    title = words("search.set_title")
    said = "".join(
        f"<li><b>{escape(words(f'search.set_{group.name}'))}</b> "
        f"{escape(group.said[min(group.said)].text.strip())}</li>"
        for group in begun
    )
    return (
        marks.heading(title, words, "measured")
        + rate_bars(words, bars, title)
        + f'<p class="src">{escape(words("search.set_first"))}</p><ul class="prose">{said}</ul>'
    )


def rag_set(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the card and bind its handlers."""
    with fold(words, "search.set_title", "core", "search-set-fold"):
        gr.Markdown(words("search.set_text"))
        with gr.Row(elem_classes="knobs"):
            lang = gr.Radio(
                [(words(f"search.lang_{name}"), name) for name in ("en", "ja")],
                value=words.lang,
                label=words("search.lang"),
                elem_id="search-set-lang",
            )
            n = gr.Radio(list(SIZES), value=SIZES[1], label="n", elem_id="search-set-n")
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("search.set_go"), elem_id="search-set-go")
            stop = gr.Button(words("stop"), elem_id="search-set-stop")
        status = gr.HTML(marks.say(), elem_id="search-set-status")
        shown = gr.HTML(elem_id="search-set")
        gr.HTML(card_html(words, "RAG", CARD[words.lang]), elem_id="search-card")

    async def run(asked_in: str, size: int, request: gr.Request) -> AsyncIterator[dict]:
        try:
            groups = groups_of(int(size), ja=asked_in == "ja")
            yield {status: marks.say(words("waiting.start"))}
            running = run_groups(lab, groups, PARAMS, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    yield {
                        status: marks.say(words("search.of", n=done, of=total)),
                        shown: set_html(groups, words),
                    }
            yield {status: marks.say(words("search.set_done"))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    began = go.click(run, [lang, n], [status, shown], **QUIET)
    when_stopped(stop, [began], lambda: marks.say(words("reason.cancelled")), [], [status])
