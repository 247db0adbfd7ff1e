"""What the class's pages follow: the tabs that are open, the teacher's link, the votes they give.

assets/classroom.js hears of a change in /status, and only then asks the server for the tabs.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import gradio as gr
from gradio.components import Component

from backend.classroom import Question
from backend.lab import Lab
from demo.events import QUIET
from demo.identity import Identity
from demo.links import LONGEST, Fields, restored
from demo.words import Words

SAID = ("suggests", "open", "hide", "closed", "switching", "switched")
GUESS = "-guess"  # how the elem_id of every predict question ends


def class_bar(words: Words, labels: Mapping[str, str]) -> None:
    """Draw the quiet bar of the class; it is empty until the teacher says something."""
    texts = {name: words(f"follow.{name}") for name in SAID}
    texts["tabs"] = json.dumps(dict(labels), ensure_ascii=False)
    data = " ".join(f'data-{name}="{escape(text)}"' for name, text in texts.items())
    gr.HTML(
        f'<div class="class-bar" role="region" aria-label="{escape(words("follow.label"))}"'
        f' data-class data-lang="{words.lang}" {data}><div data-class-closed role="status"></div>'
        '<div data-class-model role="status"></div>'
        '<div data-class-link role="status"></div></div>',
        elem_id="class-bar",
    )


def visibility(lab: Lab) -> list[gr.Tab]:
    """Return for each tab whether it is shown; a hidden one keeps what was typed into it."""
    closed = lab.classroom.closed
    return [gr.Tab(visible="hidden" if tab in closed else True) for tab in lab.classroom.tabs]


def attach(
    page: gr.Blocks,
    lab: Lab,
    identity: Identity,
    words: Words,
    tabs: gr.Tabs,
    items: Sequence[gr.Tab],
    fields: Mapping[str, Fields],
) -> None:
    """Tell the classroom what this page has, and have the page follow the classroom."""
    for tab, named in fields.items():
        lab.classroom.add_tab(tab, {name: check(field) for name, field in named.items()})
    for block in list(page.blocks.values()):
        if isinstance(block, gr.Radio) and str(block.elem_id).endswith(GUESS):
            count_votes(block, lab, identity, words)
    here = gr.Textbox(visible="hidden", elem_id="class-here", show_label=False)
    again = gr.Button(visible="hidden", elem_id="class-follow")

    def follow(tab: str) -> list[object]:
        """Show the open tabs; leave the one somebody is on only where it is closed."""
        moved = tab in lab.classroom.closed
        chosen = gr.Tabs(selected=lab.classroom.opens(tab)) if moved else gr.skip()
        return [chosen, *visibility(lab)]

    again.click(
        follow,
        here,
        [tabs, *items],
        js="() => [window.lab.here()]",
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    )


def count_votes(guess: gr.Radio, lab: Lab, identity: Identity, words: Words) -> None:
    """Have a predict question's answers counted, by their place: the words differ by language."""
    name = str(guess.elem_id).removesuffix(GUESS)
    values = [value for _, value in guess.choices]
    answers = tuple(str(label) for label, _ in guess.choices)
    lab.classroom.ask(name, words.lang, Question(text=str(guess.label), answers=answers))

    async def cast(answer: str, request: gr.Request) -> None:
        if answer in values and request.client:
            person = identity.person(request.cookies, request.client.host)  # the teacher's too
            lab.classroom.vote(name, values.index(answer), person)

    guess.input(cast, guess, None, **QUIET)


def check(field: Component) -> Callable[[str], bool]:
    """Return whether a field takes a text of a link as it stands, as `restored` puts it in."""

    def takes(text: str) -> bool:
        update = restored(field, text)
        if len(text) > LONGEST or not isinstance(update, dict) or "value" not in update:
            return False
        value = update["value"]
        if not isinstance(value, float):
            return True
        low, high = getattr(field, "minimum", None), getattr(field, "maximum", None)
        return (
            math.isfinite(value)
            and (low is None or value >= low)
            and (high is None or value <= high)
        )

    return takes
