"""Load and unload (the teacher's): estimated before, measured after, seconds."""

import asyncio
from collections.abc import AsyncIterator
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.settings import PRECISION_NAMES
from demo.events import QUIET
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.fold import table
from demo.widgets.memory_stack import size
from demo.words import Words

COLUMNS = ("model", "estimated", "measured", "difference", "seconds")


def residents_panel(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw what is loaded, and the teacher's two buttons, inside the current fold."""
    gr.Markdown(words("memory.residents_what"))
    with gr.Row(elem_classes="knobs"):
        model = gr.Dropdown(
            [entry.id for entry in lab.catalog()],
            value=lab.settings.model,
            label=words("fields.model"),
            allow_custom_value=True,
            elem_id="memory-load-model",
        )
        precision = gr.Dropdown(
            ["auto", *PRECISION_NAMES],
            value="auto",
            label=words("fields.precision"),
            elem_id="memory-load-precision",
        )
        load = gr.Button(words("memory.load"), elem_id="memory-load")
        unload = gr.Button(words("memory.unload"), elem_id="memory-unload")
    told = gr.HTML(marks.say(), elem_id="memory-loaded")
    shown = gr.HTML(elem_id="memory-residents")

    def check(request: gr.Request) -> None:
        if not identity.is_teacher(request.cookies, request.headers.get("host", "")):
            raise LabError(
                "teacher_only", "only the teacher loads models", "Enter the key at /teacher"
            )

    async def loading(name: str, level: str, request: gr.Request) -> AsyncIterator[dict]:
        try:
            check(request)
            yield {told: marks.say(words("memory.loading", name=name, level=level))}
            info = await asyncio.to_thread(lab.load_model, name, level)
            text = words(
                "memory.loaded",
                name=info.model,
                level=info.precision,
                size=size(info.weights_bytes + info.quant_state_bytes),
                seconds=f"{info.load_s:.2f}",
            )
            yield {told: marks.say(text), shown: residents(lab, words)}
        except LabError as error:
            yield {told: marks.say(words.error(error), bad=True), shown: residents(lab, words)}

    async def unloading(name: str, request: gr.Request) -> dict:
        try:
            check(request)
            if name not in {info.model for info in lab.status().models}:
                return {told: marks.say(words("memory.not_resident", name=name), bad=True)}
            await asyncio.to_thread(lab.engine.unload, name)
            text = words("memory.unloaded", name=name)
            return {told: marks.say(text), shown: residents(lab, words)}
        except LabError as error:
            return {told: marks.say(words.error(error), bad=True)}

    load.click(loading, [model, precision], [told, shown], **QUIET)
    unload.click(unloading, model, [told, shown], **QUIET)


def residents(lab: Lab, words: Words) -> str:
    """A table of the loaded models: bytes estimated from the shape, and counted."""
    heads = "".join(f'<th scope="col">{escape(words(f"memory.col_{c}"))}</th>' for c in COLUMNS)
    rows, current = f"<tr>{heads}</tr>", lab.status().current
    for info in lab.status().models:
        held = info.weights_bytes + info.quant_state_bytes
        try:
            before = lab.estimate(info.model, info.precision).total_bytes
            cells = [size(before), size(held), f"{held - before:+,d} B"]
        except LabError:  # a family whose layers are not counted
            cells = ["–", size(held), "–"]
        mark = f" ({words('memory.current')})" if info.model == current else ""
        name = f"{info.model} · {info.precision} · {info.device}{mark}"
        body = "".join(f"<td>{cell}</td>" for cell in (*cells, f"{info.load_s:.2f} s"))
        rows += f'<tr><th scope="row">{escape(name)}</th>{body}</tr>'
    title = words("memory.residents")
    return marks.heading(title, words, "measured") + table(title, rows)
