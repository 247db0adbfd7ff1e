"""The reproducibility inspector: two runs that should agree, and the first token that differs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold, table
from demo.widgets.pairs import COMPARISONS, Comparison, pair_of_runs
from demo.widgets.settings_row import read
from demo.words import Words

if TYPE_CHECKING:
    from backend.models import LoadedModel
    from backend.reproducibility import Divergence


def inspector_panel(
    lab: Lab, identity: Identity, words: Words, asked: Sequence[gr.components.Component]
) -> None:
    """Draw the panel; `asked` are prompt, model, N and the settings row."""
    with fold(words, "inspector.title", "deep", "samples-inspector"):
        gr.Markdown(words("inspector.what"))
        which = gr.Radio(
            [(words(f"inspector.{name}"), name) for name in COMPARISONS],
            value="twice",
            label=words("inspector.which"),
            elem_id="samples-inspector-which",
        )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("inspector.go"), elem_id="samples-inspector-go")
            halt = gr.Button(words("stop"), elem_id="samples-inspector-stop")
        shown = gr.HTML(marks.say(), elem_id="samples-inspector-result")
        gr.HTML(code_html("seed", fill("seed", {}), words))

    async def inspect(
        name: Comparison, prompt: str, model: str, n: float, request: gr.Request, *values: object
    ) -> AsyncIterator[str]:
        try:
            params = read(*values)  # type: ignore[arg-type]
            yield marks.say(words("inspector.running"))
            person = person_of(identity, request)
            a, b = await pair_of_runs(lab, name, prompt, model, params, person)
            loaded = await asyncio.to_thread(lab.engine.model, model)
            from backend.reproducibility import divergence

            yield result_html(name, divergence(a, b), len(a), loaded, words)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    inspected = go.click(inspect, [which, *asked], shown, **QUIET)
    said = marks.say(words("reason.cancelled"))
    when_stopped(halt, [inspected], lambda: said, [], [shown])


def result_html(
    name: Comparison, found: "Divergence | None", tokens: int, loaded: "LoadedModel", words: Words
) -> str:
    """Say whether the runs agree; else show both candidates with their probabilities in both."""
    title = marks.heading(words("inspector.result"), words, "measured")
    if found is None:
        same = escape(words("inspector.same", n=tokens))
        return f'{title}<p class="same">{same}</p><p>{escape(words(f"inspector.{name}_says"))}</p>'
    precision = loaded.info.precision
    other = "bf16" if precision == "fp32" else "fp32"
    heads = [words(f"inspector.{name}_{run}", one=precision, other=other) for run in "ab"]
    rows = "<tr><td></td>" + "".join(f'<th scope="col">{escape(h)}</th>' for h in heads) + "</tr>"
    for i, token_id in enumerate(found.ids):
        piece = words("inspector.ended") if token_id is None else loaded.vocabulary.pieces[token_id]
        cells = ""
        for run, probs in enumerate((found.probs_a, found.probs_b)):
            p = probs[i]
            dot = " ●" if run == i else ""
            shown = "–" if p is None else words("inspector.cut") if p == 0 else f"{p:.6f}"
            cells += f"<td>{escape(shown)}{dot}</td>"
        rows += f'<tr><th scope="row"><code>{escape(piece)}</code></th>{cells}</tr>'
    parted = escape(words("inspector.parted", n=found.position + 1))
    return (
        f'{title}<p class="diff">{parted}</p>'
        + table(words("inspector.result"), rows)
        + f"<p>{escape(words(f'inspector.{name}_says'))}</p>"
    )
