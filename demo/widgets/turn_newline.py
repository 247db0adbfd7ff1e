"""A turn that ends in a newline: the template strips it (errata 28), shown on the ids."""

import asyncio
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.shots import CONTENT, COURSE, as_turns
from demo.events import QUIET
from demo.widgets import marks
from demo.widgets.fold import fold
from demo.words import Words

MODEL = "pocket-chat"


def newline_panel(lab: Lab, words: Words) -> None:
    """Draw the fold: the course's turns with and without the newline it wrote, as ids."""
    with fold(words, "shots.newline_title", "deep", "shots-newline-fold"):
        gr.Markdown(words("shots.newline_text"))
        go = gr.Button(words("shots.newline_go"), elem_id="shots-newline-go")
        shown = gr.HTML(marks.say(), elem_id="shots-newline")

    async def compare() -> str:
        try:
            return await asyncio.to_thread(newline_html, lab, words)
        except LabError as error:
            return marks.say(words.error(error), bad=True)

    go.click(compare, None, shown, **QUIET)


def newline_html(lab: Lab, words: Words) -> str:
    """Render both and say whether the model sees a difference. Raises LabError."""
    given = [as_turns(COURSE, CONTENT, newline=newline) for newline in (False, True)]
    plain, with_newline = (lab.render(messages, MODEL) for messages in given)
    same = plain.ids == with_newline.ids
    key = "shots.newline_same" if same else "shots.newline_differ"
    told = words(key, n=len(plain.ids), m=len(with_newline.ids))
    turn = repr(given[1][1]["content"])
    return (
        marks.heading(words("shots.newline_title"), words, "measured")
        + f'<p class="src">{escape(words("shots.newline_given"))}</p>'
        + marks.plain(turn)
        + f'<p class="src">{escape(words("shots.newline_seen"))}</p>'
        + marks.plain(with_newline.text)
        + marks.say(told)
    )
