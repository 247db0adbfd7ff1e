"""Diversity: how a word is drawn, and how alike the drawn texts are (the course's 1.1)."""

import asyncio
import math

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.next_token import NextTokens
from backend.types import SamplingParams
from demo.endpoints import told
from demo.events import QUIET
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.ten_words import TEN_WORDS
from demo.widgets import marks
from demo.widgets.checked import checked_html
from demo.widgets.code_pane import code_html, fill
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.heat import Change, energy_html, formulas_html, heat_html, printed_html
from demo.widgets.samples import build_samples
from demo.widgets.steps_panel import Step, read_step, steps_panel
from demo.words import Words

HEAT = 1.5  # the course's
WANTED = 3  # words that exercise 1 keeps


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    title, lesson = words.lesson("diversity")
    asked = NextTokens(lab)
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    ["3", "4", "5", "6"],
                    label=words("diversity.predict"),
                    elem_id="diversity-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="diversity-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="diversity-exercises"):
                first = exercise(words, "diversity", 1)
                progress(words)
        with gr.Column(elem_classes="bench"):
            panel = steps_panel(lab, identity, words, asked)
            samples = build_samples(lab, identity, words)
            heat = heat_fold(words)
            checked_fold(words)
            calls_fold(words)
            fields = {**samples, **panel.fields, "heat": heat}
            with gr.Row(elem_classes="tools"):
                link_button(words, "diversity", fields)

    async def predict(answer: str) -> str:
        with told(words):
            k, p, both = await asyncio.to_thread(
                lambda: [
                    kept(SamplingParams(do_sample=True, **settings))
                    for settings in ({"top_k": 5}, {"top_p": 0.8}, {"top_k": 5, "top_p": 0.8})
                ]
            )
            lab.exercise("diversity-predict", answer == str(both))
            return marks.say(words("diversity.reveal", k=k, p=p, both=both))

    async def check(step: Step, *values: float) -> str:
        """Exercise 1: exactly three of the words stay, and no top-k did it."""
        try:
            params = read_step(*values)
            stay = await asyncio.to_thread(kept, params, step)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        enough = sum(p > 0 for p in step.words.values()) == len(TEN_WORDS)
        right = stay == WANTED and not params.top_k and enough
        hint = words("diversity.exercise_1_not", kept=stay, k=params.top_k, n=len(TEN_WORDS))
        answer = f"T {params.temperature}, top_p {params.top_p}, min_p {params.min_p}, typical_p"
        answer += f" {params.typical_p}, epsilon {params.epsilon_cutoff}: {stay}"
        return verdict(lab, words, "diversity-1", right, hint, answer=answer)

    guess.input(predict, guess, reveal, **QUIET)
    first.check.click(check, [panel.step, *panel.settings], first.told, **QUIET)
    return fields


def kept(params: SamplingParams, step: Step | None = None) -> int:
    """Return how many words stay, of the learner's or of the course's ten."""
    from backend.sampling import stages

    last = stages(step.words if step else TEN_WORDS, params)[-1]
    return sum(p > 0 for p in last.probabilities.values())


def heat_fold(words: Words) -> gr.Slider:
    """Draw temperature by hand, its wrong twin, shift against scale, and the energy levels."""
    with fold(words, "diversity.heat_title", "deep", "diversity-heat-fold"):
        gr.Markdown(words("diversity.heat_text"))
        with gr.Row(elem_classes="knobs"):
            heat = gr.Slider(0.1, 10, value=HEAT, step=0.1, label="T", elem_id="diversity-heat")
            change = gr.Radio(
                [(words(f"diversity.heat_{name}"), name) for name in ("none", "shift", "scale")],
                value="shift",
                label=words("diversity.heat_toggle"),
                elem_id="diversity-change",
            )
        gr.HTML(marks.heading(words("diversity.heat_figure"), words, "measured"))
        panels = gr.HTML(heat_html(HEAT, "shift", words), elem_id="diversity-heat-panels")
        gr.HTML(marks.heading(words("diversity.energy_title"), words, "measured"))
        gr.Markdown(words("diversity.energy_text"))
        levels = gr.HTML(energy_html(HEAT, words), elem_id="diversity-levels")
        gr.HTML(formulas_html(words))
        gr.HTML(marks.heading(words("diversity.printed_title"), words, "recorded"))
        gr.HTML(printed_html(words), elem_id="diversity-printed")
        code = gr.HTML(elem_id="diversity-heat-code")

    def by_hand(t: float) -> str:
        filled = fill("temperature_by_hand", {"TEMPERATURE": t})
        return code_html("temperature_by_hand", filled, words)

    def warm(t: float, changed: Change) -> dict:
        t = t if isinstance(t, (int, float)) and math.isfinite(t) and t > 0 else HEAT
        return {
            panels: heat_html(t, changed, words),
            levels: energy_html(t, words),
            code: by_hand(t),
        }

    code.value = by_hand(HEAT)
    gr.on(
        [heat.change, change.change],
        warm,
        [heat, change],
        [panels, levels, code],
        trigger_mode="always_last",
        **QUIET,
    )
    return heat


def checked_fold(words: Words) -> None:
    """Draw the course's claims with what comes out, computed when somebody opens the page."""
    with fold(words, "diversity.checked_title", "deep", "diversity-checked-fold"):
        found = gr.HTML(
            marks.say(words("diversity.wait")),
            js_on_load="trigger('input')",
            elem_id="diversity-checked",
        )

    async def compute() -> str:
        heading = marks.heading(words("diversity.checked_title"), words, "measured")
        return heading + await asyncio.to_thread(checked_html, words)

    found.input(compute, None, found, **QUIET)


def calls_fold(words: Words) -> None:
    """Draw the course's three calls and a filter of one's own."""
    with fold(words, "diversity.calls_title", "deep", "diversity-calls"):
        gr.Markdown(words("diversity.calls_text"))
        gr.HTML(code_html("sampling_kinds", fill("sampling_kinds", {}), words))
        gr.Markdown(words("diversity.own_text"))
        gr.HTML(code_html("own_filter", fill("own_filter", {}), words))
