"""One prompt at every precision: copies are loaded for a moment and compared with fp32."""

import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import gradio as gr

from backend.catalog import POCKET
from backend.cells import Cells
from backend.errors import LabError
from backend.lab import Lab
from backend.precision import PRECISIONS
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.job_results import short
from demo.jobs import turns
from demo.links import Fields
from demo.widgets import marks
from demo.widgets.damage_view import damage_html
from demo.words import Words

if TYPE_CHECKING:
    from backend.quantization import Copy, Damage

PROMPT = "Tell me a story about a dragon."  # the course's
KEPT = 64  # results, of a few hundred kilobytes at most


def quantise_panel(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the card; many who ask for the same share one run."""
    cells: Cells[tuple[Copy, Damage]] = Cells(KEPT)
    with gr.Column(elem_classes="card"):
        gr.HTML(marks.heading(words("memory.damage"), words))
        gr.Markdown(words("memory.damage_what"))
        with gr.Row(elem_classes="ask"):
            prompt = gr.Textbox(
                PROMPT, label=words("fields.prompt"), max_lines=4, elem_id="memory-prompt"
            )
            go = gr.Button(
                words("memory.damage_go"),
                variant="primary",
                elem_classes="go",
                elem_id="memory-go",
            )
            stop = gr.Button(words("stop"), elem_classes="go", elem_id="memory-stop")
        model = gr.Radio(
            list(POCKET), value=POCKET[0], label=words("fields.model"), elem_id="memory-copied"
        )
        status = gr.HTML(marks.say(), elem_id="memory-status")
        result = gr.HTML(elem_id="memory-damage")

    async def one(
        name: str, precision: str, text: str, reference: "Copy | None", person: str
    ) -> "tuple[Copy, Damage]":
        from backend.quantization import Copy, copy_job, damage

        path = reference.path if reference else ()
        job, made = copy_job(name, precision, text, lab.settings, path), list[object]()
        async with contextlib.aclosing(turns(lab, job, person=person)) as updates:
            async for items in updates:
                made += items
        [copy] = made
        assert isinstance(copy, Copy)
        harm = damage(reference or copy, copy)
        if reference:  # nobody compares with it: its probabilities can go
            copy = dataclasses.replace(copy, logprobs=copy.logprobs[:0].clone())
        return copy, harm

    async def run(text: str, name: str, request: gr.Request) -> AsyncIterator[dict]:
        rows, person = list[tuple["Copy", "Damage"]](), person_of(identity, request)
        try:
            await short(lab, text, "")
            for n, precision in enumerate(PRECISIONS, start=1):
                told = words("memory.copying", name=precision, n=n, all=len(PRECISIONS))
                yield {status: marks.say(told)}
                reference = rows[0][0] if rows else None
                make = functools.partial(one, name, precision, text, reference, person)
                rows.append(await cells.get((name, precision, text), make))
                done = n == len(PRECISIONS)
                yield {result: damage_html(rows, name, words, done=done)}
            yield {status: marks.say(words("memory.copied", n=len(rows)))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    started = gr.on([go.click, prompt.submit], run, [prompt, model], [status, result], **QUIET)
    when_stopped(stop, [started], lambda: marks.say(words("reason.cancelled")), [], [status])
    return {"prompt": prompt, "copied": model}
