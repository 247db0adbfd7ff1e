"""Generate: a text grows one token at a time; each could have been another (the course's 1)."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams
from demo.endpoints import person_of, told
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.runs import Desk, Run
from demo.waiting import waiting_text
from demo.widgets import inside, marks
from demo.widgets.claims import cache_panel, claims_panel
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.ends import ends_panel
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.inside_model import inside_model_panel
from demo.widgets.lists import lists_panel
from demo.widgets.own_script import own_script
from demo.widgets.pieces import pieces_panel
from demo.widgets.repeat import repeat_panel
from demo.widgets.settings_row import read, settings_row
from demo.widgets.token_strip import lines, strip_value, token_strip
from demo.words import Words

PROMPT = "Tell me a story about a dragon."  # the course's
MODELS = ("pocket-chat", "pocket-base")
BRIEF = 10  # new tokens of the second exercise's answer


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    desk = gr.State(Desk())
    counted = 9 if lab.can("jobs") else 0  # tokens of the prompt
    title, lesson = words.lesson("generate")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    ["7", "9", "10", "31"],
                    label=words("generate.predict"),
                    elem_id="generate-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="generate-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="generate-exercises"):
                five = gr.Textbox(
                    label=words("generate.exercise_1_label"),
                    elem_id="generate-exercise-1",
                    render=False,
                )
                first = exercise(words, "generate", 1, answer=five)
                second = exercise(words, "generate", 2, most=BRIEF)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                with gr.Row(elem_classes="ask"):
                    prompt = gr.Textbox(
                        PROMPT,
                        label=words("fields.prompt"),
                        lines=1,
                        max_lines=6,
                        elem_id="generate-prompt",
                    )
                    go = gr.Button(
                        words("generate.go"),
                        variant="primary",
                        elem_classes="go",
                        elem_id="generate-go",
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="generate-stop")
                settings = settings_row(lab, words, "generate", max_new_tokens=120)
                with settings.more:
                    model = gr.Dropdown(
                        list(MODELS),
                        value=MODELS[0],
                        label=words("fields.model"),
                        elem_id="generate-model",
                    )
                linked: Fields = {"prompt": prompt, "model": model, **settings.fields}
                link_button(words, "generate", linked)
            with gr.Column(elem_classes="card"):
                gr.HTML(marks.heading(words("generate.tokens"), words, "measured"))
                status = gr.HTML(marks.say(), elem_id="generate-status")
                strip = token_strip(words, "generate-strip")
                shown_marks = gr.Checkbox(
                    False, label=words("generate.marks"), elem_id="generate-marks"
                )
                ruler = gr.HTML(marks.ruler(counted, 0, 120, words), elem_id="generate-ruler")
            with gr.Accordion(
                words("inside.title"),
                open=False,
                elem_classes="card fold",
                elem_id="generate-inside",
            ):
                look = gr.HTML(marks.say(words("inside.wait")), elem_id="generate-look")
                gr.HTML(inside.legend(words))
            repeating = repeat_panel(
                lab, identity, words, [prompt, model, *settings.values], "generate"
            )
            lists_panel(lab, identity, words, prompt, model)
            ends_panel(lab, identity, words, prompt, model)
            pieces_panel(lab, words, model)
            cache_panel(lab, identity, words, prompt, model)
            claims_panel(lab, identity, words, model)
            inside_model_panel(lab, identity, words, model)
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(elem_id="generate-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("generate.recorded"), "prose"),
                        elem_id="generate-recorded",
                    )
            own_script(lab, identity, words, "generate")

    def snippet(run: Run | None, text: str, model_name: str, params: SamplingParams) -> str:
        values = {"MODEL": model_value(model_name), "PROMPT": text, **sampling_values(params)}
        if run and run.given:
            values["PREFIX_IDS"] = list(run.given)
            return code_html("taken_apart", fill("taken_apart", values), words)
        return code_html("generate", fill("generate", values), words)

    def draw(
        d: Desk, run: Run, *, done: bool, with_marks: bool, text: str | None = None
    ) -> dict[str, object]:
        return strip_value(
            words,
            run=d.number,
            prompt=run.tokens,
            steps=run.steps,
            text=text,
            done=done,
            branches=[r.text for r in d.runs] if len(d.runs) > 1 else (),
            branch=d.shown,
            marks=with_marks,
            forks=lab.can("jobs"),
        )

    async def stream(
        d: Desk, run: Run, with_marks: bool, request: gr.Request
    ) -> AsyncIterator[dict]:
        """Run and redraw; the desk keeps what there is when somebody stops."""
        began, first_s, text = time.perf_counter(), None, lines(run.tokens, run.steps)
        updates = lab.aupdates(
            run.prompt,
            run.params,
            model=run.model,
            prefix_ids=run.given,
            person=person_of(identity, request),
            operation="generate",
        )
        async with contextlib.aclosing(updates):
            async for update in updates:
                if update.waiting:
                    yield {status: marks.say(waiting_text(update, words))}
                    continue
                first_s = first_s or time.perf_counter() - began
                run.steps.extend(update.steps)
                text += lines(steps=update.steps)
                new = len(run.steps)
                yield {
                    strip: draw(d, run, done=False, with_marks=with_marks, text=text),
                    ruler: marks.ruler(len(run.tokens), new, run.limit, words),
                    status: marks.say(words("generate.running", n=new)),
                }
        ended = run.steps[-1].finish_reason or "cancelled"
        yield {
            strip: draw(d, run, done=True, with_marks=with_marks, text=text),
            status: marks.say(
                words(
                    "generate.done",
                    n=len(run.steps),
                    seconds=f"{time.perf_counter() - began:.2f}",
                    first=f"{first_s or 0:.2f}",
                    reason=words(f"reason.{ended}"),
                    seed=run.params.seed,
                )
            ),
            look: await asyncio.to_thread(inside.taken_apart, lab, run, words),
        }

    async def generate(
        d: Desk, text: str, model_name: str, with_marks: bool, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        try:
            params = read(*values)  # type: ignore[arg-type]
            yield {status: marks.say(words("waiting.start"))}
            here = await asyncio.to_thread(lab.can, "jobs")
            tokens = await asyncio.to_thread(lab.tokenize, text, model_name) if here else []
            run = Run(prompt=text, model=model_name, params=params, tokens=tokens)
            d.begin(run)
            yield {code: snippet(run, text, model_name, params)}
            async for change in stream(d, run, with_marks, request):
                yield change
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def select(
        d: Desk, with_marks: bool, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[dict]:
        """Go on from another token, or show an earlier branch again."""
        fork = event.kind == "fork"
        if fork:
            run = await asyncio.to_thread(d.fork, lab, int(event.index), int(event.token))
        else:
            run = d.show(int(event.index))
        if run is None:
            return
        yield {code: snippet(run, run.prompt, run.model, run.params)}
        if not fork:
            yield {
                strip: draw(d, run, done=True, with_marks=with_marks),
                ruler: marks.ruler(len(run.tokens), len(run.steps), run.limit, words),
                look: await asyncio.to_thread(inside.taken_apart, lab, run, words),
            }
            return
        try:
            async for change in stream(d, run, with_marks, request):
                yield change
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def stopped(d: Desk, with_marks: bool) -> dict:
        run = d.run
        if run is None or not run.steps:
            return {status: marks.say(words("reason.cancelled"))}
        return {
            strip: draw(d, run, done=True, with_marks=with_marks),
            status: marks.say(words("generate.stopped", n=len(run.steps))),
            look: await asyncio.to_thread(inside.taken_apart, lab, run, words),
        }

    async def predict(answer: str) -> str:
        with told(words):
            n = len(await asyncio.to_thread(lab.tokenize, PROMPT))
            lab.exercise("generate-predict", answer == str(n))
            return marks.say(words("generate.reveal", n=n, pieces=n - 1))

    async def exercise_1(text: str) -> str:
        try:
            found = await asyncio.to_thread(lab.tokenize, text)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        n, many = sum(not record.special for record in found), len(text.split())
        hint = words("generate.exercise_1_not", words=many, n=n)
        return verdict(lab, words, "generate-1", many == 5 and n >= 12, hint, answer=text)

    def exercise_2(d: Desk) -> str:
        run = d.run
        n = len(run.steps) if run else 0
        right = bool(run and n <= BRIEF and run.steps and run.steps[-1].finish_reason == "stop")
        hint = words(
            "generate.exercise_2_not" if n else "generate.exercise_2_none", n=n, most=BRIEF
        )
        said = f"{run.prompt} -> {run.text}" if run else ""
        return verdict(lab, words, "generate-2", right, hint, answer=said)

    inputs = [desk, prompt, model, shown_marks, *settings.values]
    outputs = [strip, status, ruler, look, code]
    started = gr.on([go.click, prompt.submit], generate, inputs, outputs, **QUIET)
    forked = strip.select(select, [desk, shown_marks], outputs, **QUIET)
    running = [started, forked, *repeating]
    when_stopped(stop, running, stopped, [desk, shown_marks], [strip, status, look])
    shown_marks.change(
        lambda d, m: draw(d, d.run, done=True, with_marks=m) if d.run else gr.skip(),
        [desk, shown_marks],
        strip,
        **QUIET,
    )
    guess.input(predict, guess, reveal, **QUIET)
    gr.on([first.check.click, five.submit], exercise_1, five, first.told, **QUIET)
    second.check.click(exercise_2, desk, second.told, **QUIET)

    def preview(text: str, model_name: str, *values: object) -> object:
        try:
            return snippet(None, text, model_name, read(*values))  # type: ignore[arg-type]
        except LabError:
            return gr.skip()

    gr.on(
        [c.change for c in (prompt, model, *settings.values)],  # type: ignore[attr-defined]
        preview,
        [prompt, model, *settings.values],
        code,
        trigger_mode="always_last",
        **QUIET,
    )
    code.value = snippet(None, PROMPT, MODELS[0], SamplingParams(
        do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=120))  # fmt: skip
    return linked
