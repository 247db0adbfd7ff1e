"""What is inside the model: its weights by kind, and the forward that runs them."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

import backend
from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.job_results import results
from demo.widgets import marks
from demo.widgets.fold import fold, table
from demo.words import Words

if TYPE_CHECKING:
    from backend.weights import Weights

FORWARD = Path(backend.__path__[0]) / "llama.py"


def inside_model_panel(lab: Lab, identity: Identity, words: Words, model: gr.Dropdown) -> None:
    """Draw the fold."""
    with fold(words, "weights.title", "deep", "generate-weights"):
        gr.Markdown(words("weights.what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("weights.go"), elem_id="generate-weights-go")
        shown = gr.HTML(marks.say(), elem_id="generate-weights-shown")
        code = escape(FORWARD.read_text("utf-8"))
        gr.HTML(
            f'<div class="code"><div class="h"><h3>backend/{FORWARD.name}</h3></div>'
            f'<pre tabindex="0">{code}</pre></div>'
        )

    async def run(name: str, request: gr.Request) -> str:
        from backend.weights import Weights, weights_job

        try:
            person = person_of(identity, request)
            found = await results(lab, weights_job, name, Weights, person=person)
            lean = lab.engine.model(name).lean is not None
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return weights_html(found, words, lean=lean)

    go.click(run, model, shown, **QUIET)


def weights_html(found: Sequence["Weights"], words: Words, *, lean: bool) -> str:
    """Each kind with its shape and its share; then which forward runs them here."""
    total = sum(kind.parameters for kind in found)
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(kind.name)}</code></th><td>{kind.layers}</td>'
        f"<td>{escape(' × '.join(map(str, kind.shape)))}</td><td>{kind.parameters:,}</td>"
        f"<td>{100 * kind.parameters / total:.1f} %</td></tr>"
        for kind in found
    )
    heads = "".join(
        f'<th scope="col">{escape(words(f"weights.{key}"))}</th>'
        for key in ("name", "layers", "shape", "parameters", "share")
    )
    title = words("weights.total", n=f"{total:,}")
    return (
        marks.heading(title, words, "measured")
        + table(title, f"<tr>{heads}</tr>{rows}")
        + marks.plain(words("weights.lean" if lean else "weights.own"), "src")
    )
