"""Sentences of the course's section 2, tried live: lists, one seed for a list (errata 21, 22)."""

from collections.abc import Sequence
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.instructions import CONTENT, COURSE
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.prompts import prompt
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.job_results import results
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold, table
from demo.widgets.lists import box, shapes_html
from demo.widgets.pairs import listed
from demo.widgets.rate_bar import rate_bars
from demo.words import Words

MODEL = "pocket-chat"
SEEDED = SamplingParams(do_sample=True, temperature=1.0, seed=0, max_new_tokens=20)
# the course's own judgement of its printed outputs, one sample a prompt: works, of how many
RECORDED = (("pocket-chat", Rate(right=2, total=4)), ("pocket-base", Rate(right=0, total=4)))


def prompts_of(contents: Sequence[str] = (CONTENT,)) -> list[str]:
    """Return the course's four prompts."""
    return [prompt(one, {"content": content}) for one in COURSE for content in contents]


def lists_panel(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the list of lists with its forwards, and one seed over a list in two orders."""
    with fold(words, "prompt.lists_title", "deep", "prompt-lists"):
        gr.Markdown(words("prompt.lists_what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("prompt.lists_go"), elem_id="prompt-lists-go")
        shown = gr.HTML(marks.say(), elem_id="prompt-lists-shown")
        link = f'<a href="?tab=generate">{escape(words("prompt.lists_link"))}</a>'
        gr.HTML(f'<div class="src">{link}</div>')
        gr.HTML(code_html("prompts", fill("prompts", {}), words))
        gr.Markdown(words("prompt.errata"))

    async def run(request: gr.Request) -> str:
        from backend.list_runs import ListRun, list_job

        texts, person = prompts_of(), person_of(identity, request)
        try:
            jobs = (list_job(texts, None), list_job(texts, 2))
            whole, batched = [
                (await results(lab, job, MODEL, ListRun, person=person))[0] for job in jobs
            ]
            loaded = lab.engine.model(MODEL)
            first, other = loaded.encode(texts[2]), loaded.encode(texts[0])
            before = await listed(lab, MODEL, [first, other], SEEDED, person)
            after = await listed(lab, MODEL, [other, first], SEEDED, person)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        said = [
            lab.decode([next(iter(at)) for at in one], skip_special_tokens=True, model=MODEL)
            for one in (before[0], after[1])
        ]
        return (
            marks.heading(words("prompt.lists_nested"), words, "measured")
            + box(whole.output)
            + shapes_html([whole, batched], words)
            + order_html(texts[2], said, words)
        )

    go.click(run, None, shown, **QUIET)


def order_html(text: str, said: Sequence[str], words: Words) -> str:
    """Draw what one prompt gave first and second in a list under one seed (errata 22)."""
    label = words("prompt.order_title")
    rows = "".join(
        f'<tr><th scope="row">{escape(words(f"prompt.order_{place}"))}</th>'
        f"<td>{escape(one.strip())}</td></tr>"
        for place, one in zip(("first", "second"), said)
    )
    same = said[0] == said[1]
    told = words("prompt.order_same" if same else "prompt.order_differs")
    return (
        marks.heading(label, words, "measured")
        + f"<div><code>{escape(text)}</code></div>"
        + table(label, rows, "grid claims")
        + f'<div class="{"same" if same else "diff"}">{escape(told)}</div>'
        + f"<div>{escape(words('prompt.order_note'))}</div>"
    )


def recorded_html(words: Words) -> str:
    """Draw the course's counts with the interval that four samples leave."""
    rows = [(words(f"prompt.recorded_{name}"), rate) for name, rate in RECORDED]
    title = words("recorded.title")
    return (
        marks.heading(title, words, "recorded")
        + rate_bars(words, rows, title)
        + marks.plain(words("prompt.recorded"), "prose")
    )
