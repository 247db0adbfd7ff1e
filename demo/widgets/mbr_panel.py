"""Minimum Bayes risk on samples drawn once: the slider moves over them without a forward."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.events import Dependency

from backend.errors import LabError
from backend.lab import Lab
from backend.mbr import utilities
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.links import Fields
from demo.searches import line_of, rows_of
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.exercises import verdict
from demo.widgets.mbr_matrix import Samples, mbr_html
from demo.words import Words

DRAWN, AT_FIRST = 16, 8  # samples; those that the slider begins with
DEFAULTS = {"temperature": 1.0, "seed": 7, "max_new_tokens": 32}


@dataclass(frozen=True, kw_only=True)
class MbrPanel:
    """What the tab needs of the panel."""

    samples: gr.State
    n: gr.Slider
    fields: Fields
    running: Sequence[Dependency]
    exercise: Callable[[Samples | None, float], str]


def mbr_panel(
    lab: Lab, identity: Identity, words: Words, prompt: gr.Textbox, model: gr.Dropdown
) -> MbrPanel:
    """Draw the card inside the bench."""
    samples = gr.State(None)
    with gr.Column(elem_classes="card"):
        gr.HTML(marks.heading(words("decoding.mbr"), words, note=words("level.core")))
        gr.Markdown(words("decoding.mbr_what"))
        with gr.Row(elem_classes="knobs"):
            temperature, seed, new = (
                gr.Number(
                    value,
                    label=words(f"fields.{name}"),
                    precision=None,
                    min_width=90,
                    elem_id=f"decoding-mbr-{name.replace('_', '-')}",
                )
                for name, value in DEFAULTS.items()
            )
            draw = gr.Button(
                words("decoding.mbr_go", n=DRAWN), variant="primary", elem_id="decoding-mbr-go"
            )
        n = gr.Slider(
            2, DRAWN, AT_FIRST, step=1, label=words("decoding.mbr_n"), elem_id="decoding-mbr-n"
        )
        status = gr.HTML(marks.say(), elem_id="decoding-mbr-status")
        view = gr.HTML(marks.say(words("inside.wait")), elem_id="decoding-mbr")
        with gr.Accordion(words("code.title"), open=False, elem_id="decoding-mbr-code-fold"):
            code = gr.HTML(elem_id="decoding-mbr-code")

    def snippet(text: str, name: str, used: float, params: SamplingParams) -> str:
        values = {
            "MODEL": model_value(name),
            "PROMPT": text,
            "NUM_SAMPLES": params.num_return_sequences,
            "USED": int(used),
            **sampling_values(params),
        }
        return code_html("mbr", fill("mbr", values), words)

    def params_of(heat: float, number: float | None, most: float) -> SamplingParams:
        return SamplingParams(
            do_sample=True,
            temperature=heat,
            seed=number,  # type: ignore[arg-type]  # a Number gives 7.0 for 7; checked there
            max_new_tokens=most,  # type: ignore[arg-type]
            num_return_sequences=DRAWN,
        )

    async def draw_samples(
        text: str, name: str, used: float, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        began = time.perf_counter()
        try:
            params = params_of(*values)  # type: ignore[arg-type]
            yield {status: marks.say(words("waiting.start"))}
            person = person_of(identity, request)
            rows = await rows_of(lab, text, params, model=name, person=person)
            lines = [line_of(lab, name, steps) for steps in rows]
            drawn_s = time.perf_counter() - began
            matrix = await asyncio.to_thread(utilities, [line.text for line in lines])
            found = Samples(lines=tuple(lines), matrix=tuple(map(tuple, matrix)))
            yield {
                samples: found,
                view: mbr_html(found, int(used), words),
                code: snippet(text, name, used, params),
                status: marks.say(
                    words(
                        "decoding.mbr_done",
                        n=DRAWN,
                        drawn=f"{drawn_s:.2f}",
                        pairs=DRAWN * DRAWN,
                        compared=f"{time.perf_counter() - began - drawn_s:.2f}",
                        seed=params.seed,
                    )
                ),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    def move(found: Samples | None, used: float) -> object:
        return mbr_html(found, int(used), words) if found else gr.skip()

    def preview(text: str, name: str, used: float, *values: object) -> object:
        try:
            return snippet(text, name, used, params_of(*values))  # type: ignore[arg-type]
        except LabError:
            return gr.skip()

    def check(found: Samples | None, used: float) -> str:
        if found is None:
            return verdict(lab, words, "decoding-2", False, words("decoding.exercise_2_none"))
        size = int(used)
        winner, likeliest = found.winner(size), found.likeliest(size)
        hint = words("decoding.exercise_2_hint", n=size, winner=winner + 1)
        answer = f"N {size}: {winner + 1} / {likeliest + 1}"
        return verdict(lab, words, "decoding-2", winner != likeliest, hint, answer=answer)

    settings = [temperature, seed, new]
    drawing = draw.click(
        draw_samples, [prompt, model, n, *settings], [samples, view, code, status], **QUIET
    )
    n.change(move, [samples, n], view, trigger_mode="always_last", **QUIET)
    gr.on(
        [c.change for c in (prompt, model, n, *settings)],  # type: ignore[attr-defined]
        preview,
        [prompt, model, n, *settings],
        code,
        trigger_mode="always_last",
        **QUIET,
    )
    fields = {"mbr_n": n} | {f"mbr_{name}": c for name, c in zip(DEFAULTS, settings)}
    return MbrPanel(samples=samples, n=n, fields=fields, running=[drawing], exercise=check)
