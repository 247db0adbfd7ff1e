"""Diversity, the samples half: N texts of one prompt side by side, and how alike they are."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams, TokenStep
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields
from demo.waiting import waiting_text
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.effective import effective_panel, greedy_says
from demo.widgets.exercises import exercise, verdict
from demo.widgets.fold import fold
from demo.widgets.inspector import inspector_panel
from demo.widgets.sample_views import columns, empty_columns, nested
from demo.widgets.self_bleu_view import Measured, measure, scores_html, traps_html
from demo.widgets.settings_row import read, settings_row
from demo.widgets.sweep import cell_of, sweep_panel
from demo.words import Words

PROMPT = "Tell me a story about a dragon."  # the course's
MODELS = ("pocket-chat", "pocket-base")
COURSE_T, COURSE_P = 0.8, 0.9  # what exercise 2 must beat
FALL = 0.3  # nats of mean log-probability that exercise 2 may cost


@dataclass(kw_only=True)
class Bench:
    """What this page ran last."""

    prompt: str = ""
    model: str = ""
    params: SamplingParams | None = None
    rows: list[list[TokenStep]] = dataclasses.field(default_factory=list)
    measured: Measured | None = None


def build_samples(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the cards inside the current column and bind their handlers."""
    bench = gr.State(Bench())
    with gr.Column(elem_classes="card"):
        gr.HTML(marks.heading(words("samples.title"), words, "measured"))
        with gr.Row(elem_classes="ask with-n"):
            prompt = gr.Textbox(
                PROMPT,
                label=words("fields.prompt"),
                lines=1,
                max_lines=6,
                elem_id="samples-prompt",
            )
            number = gr.Number(
                3,
                label=words("fields.num_return_sequences"),
                precision=None,
                step=1,
                elem_id="samples-n",
                min_width=90,
            )
            go = gr.Button(
                words("samples.go"), variant="primary", elem_classes="go", elem_id="samples-go"
            )
            stop = gr.Button(words("stop"), elem_classes="go", elem_id="samples-stop")
        settings = settings_row(lab, words, "samples", max_new_tokens=60)
        with settings.more:
            model = gr.Dropdown(
                list(MODELS),
                value=MODELS[0],
                label=words("fields.model"),
                elem_id="samples-model",
            )
        status = gr.HTML(marks.say(), elem_id="samples-status")
        drawn = gr.HTML(empty_columns(words), elem_id="samples-texts")
        scores = gr.HTML(marks.say(), elem_id="samples-scores")
    with fold(words, "samples.nested_title", "core", "samples-nested"):
        listed = gr.HTML(marks.say(words("inside.wait")))
        gr.HTML(code_html("several", fill("several", {}), words))
    with fold(words, "samples.traps_title", "core", "samples-traps"):
        traps = gr.HTML(marks.say(words("inside.wait")))
    asked = [prompt, model, number, *settings.values]
    sweep_panel(lab, identity, words, asked)
    effective_panel(lab, identity, words, asked)
    inspector_panel(lab, identity, words, asked)
    with gr.Column(elem_classes="card"):
        code = gr.HTML(elem_id="samples-code")
    with gr.Accordion(words("samples.exercise_title"), open=False, elem_id="samples-exercise"):
        second = exercise(words, "samples", 2)

    def asks(n: float, *values: object) -> SamplingParams:
        params = read(*values)  # type: ignore[arg-type]
        return dataclasses.replace(params, num_return_sequences=n)  # type: ignore[arg-type]

    def snippet(text: str, model_name: str, params: SamplingParams) -> str:
        values = {
            "MODEL": model_value(model_name),
            "PROMPT": text,
            "N": params.num_return_sequences,
            **sampling_values(params),
        }
        return code_html("self_bleu", fill("self_bleu", values), words)

    async def run(
        b: Bench, text: str, model_name: str, n: float, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        try:
            params = asks(n, *values)
            b.prompt, b.model, b.params, b.measured = text, model_name, params, None
            b.rows = [[] for _ in range(params.num_return_sequences)]
            yield {status: marks.say(words("waiting.start")), scores: marks.say()}
            person = person_of(identity, request)
            updates = lab.aupdates(
                text, params, model=model_name, person=person, operation="generate"
            )
            async with contextlib.aclosing(updates):
                async for update in updates:
                    if update.waiting:
                        yield {status: marks.say(waiting_text(update, words))}
                        continue
                    for step in update.steps:
                        b.rows[step.row].append(step)
                    made = sum(map(len, b.rows))
                    yield {
                        drawn: columns(b.rows, words, done=False),
                        status: marks.say(words("generate.running", n=made)),
                    }
            yield await asyncio.to_thread(finished, b)
        except LabError as error:
            said = words.error(error)
            if error.code == "greedy_sequences":
                person = person_of(identity, request)
                said += " " + await asyncio.to_thread(
                    greedy_says, lab, text, model_name, words, person
                )
            yield {status: marks.say(said, bad=True)}

    def finished(b: Bench) -> dict:
        """Measure and draw what there is."""
        texts = ["".join(step.text for step in steps) for steps in b.rows]
        seed = b.params.seed if b.params else 0
        change = {
            drawn: columns(b.rows, words, done=True),
            listed: nested(b.prompt, texts, words),
            status: marks.say(
                words("samples.done", n=len(texts), tokens=sum(map(len, b.rows)), seed=seed)
            ),
        }
        try:
            b.measured = measure(b.prompt, texts, b.rows)
        except LabError as error:
            return change | {scores: marks.say(words.error(error), bad=True)}
        return change | {
            scores: scores_html(b.measured, words),
            traps: traps_html(b.measured, words),
        }

    async def stopped(b: Bench) -> dict:
        if not any(b.rows):
            return {status: marks.say(words("reason.cancelled"))}
        return await asyncio.to_thread(finished, b)

    async def check(b: Bench, request: gr.Request) -> str:
        """Exercise 2: more diverse than the course's setting, at nearly its quality."""
        if b.measured is None or b.params is None or len(b.rows) < 3:
            return verdict(lab, words, "diversity-2", False, words("samples.exercise_2_none"))
        course = dataclasses.replace(
            b.params,
            do_sample=True,
            temperature=COURSE_T,
            top_p=COURSE_P,
            top_k=0,
            epsilon_cutoff=0.0,
            num_alternatives=0,
        )
        try:
            to_beat = await cell_of(lab, b.prompt, b.model, course, person_of(identity, request))
            made, tokenizer = to_beat.generations, b.measured.tokenizer  # both counted alike
            texts, rows = [g.text for g in made], [g.steps for g in made]
            theirs = measure(b.prompt, texts, rows, tokenizer=tokenizer).self_bleu
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        floor, yours = to_beat.logprob - FALL, b.measured.self_bleu
        right = yours < theirs and b.measured.logprob >= floor
        hint = words(
            "samples.exercise_2_not",
            yours=f"{yours:.2f}",
            theirs=f"{theirs:.2f}",
            logprob=f"{b.measured.logprob:.3f}",
            floor=f"{floor:.3f}",
        )
        answer = f"T {b.params.temperature}, top_p {b.params.top_p}, top_k {b.params.top_k},"
        answer += f" seed {b.params.seed}, N {len(b.rows)}: {yours:.2f} < {theirs:.2f}"
        return verdict(lab, words, "diversity-2", right, hint, answer=answer)

    def preview(text: str, model_name: str, n: float, *values: object) -> object:
        try:
            return snippet(text, model_name, asks(n, *values))
        except LabError:
            return gr.skip()

    outputs = [status, drawn, scores, listed, traps]
    started = gr.on([go.click, prompt.submit], run, [bench, *asked], outputs, **QUIET)
    when_stopped(stop, [started], stopped, [bench], outputs)
    second.check.click(check, bench, second.told, **QUIET)
    gr.on(
        [c.change for c in asked],  # type: ignore[attr-defined]
        preview,
        asked,
        code,
        trigger_mode="always_last",
        **QUIET,
    )
    first = SamplingParams(
        do_sample=True,
        temperature=COURSE_T,
        top_p=COURSE_P,
        seed=7,
        max_new_tokens=60,
        num_return_sequences=3,
    )
    code.value = snippet(PROMPT, MODELS[0], first)
    return {"prompt": prompt, "model": model, "n": number, **settings.fields}
