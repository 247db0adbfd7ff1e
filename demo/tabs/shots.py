"""Shots: examples in the prompt, as text and as turns (the course's 2.1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.shots import CONTENT, COURSE, MENDED, Shot, as_text, as_turns, last_of
from backend.types import Generation, Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.widgets import marks
from demo.widgets.base_chat_panel import base_chat_panel
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.format_panel import start_token_exercise
from demo.widgets.model_name import name_panel
from demo.widgets.second_half import templates_half
from demo.widgets.settings_row import read, settings_row
from demo.widgets.shot_editor import shot_editor, used_shots
from demo.widgets.shot_rows import answers_html, empty_html, parts_of
from demo.widgets.shots_over_a_set import Compared, label_truth, labels_run, set_panel
from demo.widgets.three_models import three_models
from demo.widgets.turn_newline import newline_panel
from demo.widgets.two_colours import parts_html
from demo.words import Words

MODELS = ("pocket-base", "pocket-chat")
TEXT, TURNS = "text", "turns"
MAX_NEW_TOKENS = 48
GUESSES = ("same", "between", "none")
ENOUGH, WANTED = 20, 0.8  # sentences and share of the first exercise


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    title, lesson = words.lesson("shots")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"shots.predict_{name}"), name) for name in GUESSES],
                    label=words("shots.predict"),
                    elem_id="shots-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="shots-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="shots-exercises"):
                first = exercise(words, "shots", 1)
                start_token_exercise(lab, words)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                gr.HTML(marks.heading(words("shots.editor"), words, note=words("level.core")))
                held = shot_editor(words)
                with gr.Row(elem_classes="ask"):
                    content = gr.Textbox(
                        CONTENT, label=words("shots.content"), lines=1, elem_id="shots-content"
                    )
                    go = gr.Button(
                        words("shots.go"), variant="primary", elem_classes="go", elem_id="shots-go"
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="shots-stop")
                with gr.Row(elem_classes="knobs"):
                    model = gr.Radio(
                        list(MODELS),
                        value=MODELS[0],
                        label=words("fields.model"),
                        elem_id="shots-model",
                    )
                    form = gr.Radio(
                        [(words(f"shots.form_{name}"), name) for name in (TEXT, TURNS)],
                        value=TEXT,
                        label=words("shots.form"),
                        elem_id="shots-form",
                    )
                settings = settings_row(lab, words, "shots", max_new_tokens=MAX_NEW_TOKENS)
                status = gr.HTML(marks.say(), elem_id="shots-status")
            with gr.Column(elem_classes="card"):
                rows = gr.HTML(empty_html(words), elem_id="shots-rows")
                prompt = gr.HTML(elem_id="shots-prompt")
            panel = set_panel(lab, identity, words, held)
            linked: Fields = {
                "shots": held,
                "content": content,
                "model": model,
                "form": form,
                **settings.fields,
                **panel.fields,
            }
            with gr.Row(elem_classes="tools"):
                link_button(words, "shots", linked)
            base_chat_panel(lab, identity, words)
            name_panel(words)
            newline_panel(lab, words)
            three_models(lab, identity, words)
            templates_half(lab, identity, words)
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(elem_id="shots-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("shots.recorded"), "prose"),
                        elem_id="shots-recorded",
                    )

    def snippet(
        shots: Sequence[Shot], asked: str, name: str, laid: str, params: SamplingParams
    ) -> str:
        values = {
            "MODEL": model_value(name),
            "CONTENT": asked,
            "ENGLISH": [s.english for s in shots],
            "JAPANESE": [s.japanese for s in shots],
            **sampling_values(params),
        }
        script = "shots" if laid == TEXT else "shots_turns"
        return code_html(script, fill(script, values), words)

    def prompt_html(shots: Sequence[Shot], asked: str, laid: str) -> str:
        given = as_text(shots, asked) if laid == TEXT else rendered(lab, shots, asked)
        head = marks.heading(words("shots.filled", n=len(shots)), words)
        return head + parts_html(parts_of(given, asked), words)

    async def generate(
        text: str, asked: str, name: str, laid: str, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        """Ask behind the last 0, 1, ... n examples, every row with the same settings and seed."""
        try:
            params = read(*values)  # type: ignore[arg-type]
            shots = used_shots(text)
            yield {status: marks.say(words("waiting.start"))}
            yield {code: snippet(shots, asked, name, laid, params)}
            prompts = [laid_out(last_of(shots, n), asked, laid) for n in range(len(shots) + 1)]
            found: list[Generation | None] = [None] * len(prompts)
            given = [await asyncio.to_thread(counted, lab, p, name) for p in prompts]
            yield {
                rows: answers_html(words, found, given),
                prompt: await asyncio.to_thread(prompt_html, shots, asked, laid),
            }
            running = answers(
                lab,
                prompts,
                params,
                model=name,
                person=person_of(identity, request),
                operation="generate",
            )
            async with contextlib.aclosing(running):
                async for one in running:
                    if one:
                        found[one[0]] = one[1]
                    done = sum(said is not None for said in found)
                    told = words("shots.progress", n=done, total=len(found))
                    yield {rows: answers_html(words, found, given), status: marks.say(told)}
            yield {status: marks.say(words("shots.done", n=len(found), seed=params.seed))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    inputs = [held, content, model, form, *settings.values]
    outputs = [status, rows, prompt, code]
    started = gr.on([go.click, content.submit], generate, inputs, outputs, **QUIET)
    when_stopped(stop, [started], lambda: marks.say(words("reason.cancelled")), [], [status])

    async def predict(answer: str, request: gr.Request) -> AsyncIterator[str]:
        """Count right answers, other sentences' and no examples, and say what this model does."""
        rates: dict[str, Rate] = {}
        try:
            yield marks.say(words("waiting.start"))
            running = labels_run(lab, person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total, counts in running:
                    rates = counts
                    yield marks.say(words("shots.set_running", n=done, total=total))
        except LabError as error:
            yield marks.say(words.error(error), bad=True)
            return
        truth = label_truth(rates)
        lab.exercise("shots-predict", answer == truth)
        right = {name: rate.right for name, rate in rates.items()}
        meaning = words(f"shots.truth_{truth}")
        total = rates["right"].total
        yield marks.say(words("shots.revealed", total=total, verdict=meaning, **right))

    def exercise_1(c: Compared) -> str:
        """The learner's own examples bring the base model to 80 % over 20 sentences or more."""
        if c.kind != "models" or not c.rows:
            return verdict(lab, words, "shots-1", False, words("shots.exercise_1_none"))
        known = {shot.english for shot in (*COURSE, *MENDED)}
        own = sum(shot.english not in known for shot in c.shots)
        rate = next(r for r in reversed(c.rows) if r.name == "pocket-base").group.rate
        kept = own == len(c.shots) >= 2 and rate.total >= ENOUGH
        key = "not" if kept else "rules"
        hint = words(
            f"shots.exercise_1_{key}", n=own, items=rate.total, right=rate.right, total=rate.total
        )
        said = f"{rate.right}/{rate.total}: " + "; ".join(s.english for s in c.shots)
        right = kept and rate.share >= WANTED
        return verdict(lab, words, "shots-1", right, hint, answer=said)

    guess.input(predict, guess, reveal, **QUIET)
    first.check.click(exercise_1, panel.compared, first.told, **QUIET)

    def preview(text: str, asked: str, name: str, laid: str, *values: object) -> object:
        try:
            shots, params = used_shots(text), read(*values)  # type: ignore[arg-type]
            shown = prompt_html(shots, asked, laid)
        except LabError:
            return [gr.skip(), gr.skip()]
        return [shown, snippet(shots, asked, name, laid, params)]

    gr.on(
        [c.change for c in inputs],  # type: ignore[attr-defined]
        preview,
        inputs,
        [prompt, code],
        trigger_mode="always_last",
        **QUIET,
    )
    params = SamplingParams(
        do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=MAX_NEW_TOKENS
    )
    code.value = snippet(COURSE, CONTENT, MODELS[0], TEXT, params)
    prompt.value = prompt_html(COURSE, CONTENT, TEXT)
    return linked


def laid_out(shots: Sequence[Shot], content: str, form: str) -> str | list[Message]:
    """Return the prompt in one of the two forms."""
    return as_text(shots, content) if form == TEXT else as_turns(shots, content)


def rendered(lab: Lab, shots: Sequence[Shot], content: str) -> str:
    """Return the turns as the chat model's template writes them. Raises LabError."""
    return lab.sent(as_turns(shots, content), "pocket-chat").text


def counted(lab: Lab, prompt: str | list[Message], model: str) -> int:
    """Count a prompt's tokens; 0 where nobody here can. Raises LabError."""
    if not lab.can("jobs"):
        return 0
    if isinstance(prompt, str):
        return len(lab.tokenize(prompt, model))
    return len(lab.render(prompt, model).ids)
