"""Prompt: instruction + content, templates, success over a set, thinking aloud (the course's 2)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import gradio as gr

from backend.errors import LabError
from backend.instructions import COURSE, NEW_TOKENS, Task, held_out, obeys, task_of
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.widgets import marks
from demo.widgets.chain_of_thought import Compared, thought_panel
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.prompt_ask import MODELS, Chosen, ask_fields, preview, read
from demo.widgets.prompt_errata import lists_panel, recorded_html
from demo.widgets.prompt_grid import Said, grid_html, rates_html
from demo.widgets.prompt_search_panel import search_panel
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.widgets.success_panel import success_panel
from demo.words import Words

GREEDY = SamplingParams(max_new_tokens=NEW_TOKENS, num_alternatives=0)
GUESSED_ON = 12  # unseen sentences
CONTENTS, VALID = 4, 3  # of exercise 1
PROBLEMS, GAIN = 20, 30  # of exercise 2; percentage points
BOUNDS = {"never": (0.0, 0.2), "half": (0.2, 0.8), "always": (0.8, 1.01)}


@dataclass(kw_only=True)
class Last:
    """The last grid of one open page."""

    chosen: Chosen
    groups: list[Group]

    @property
    def said(self) -> Said:
        """Every answer so far, by model, template and content."""
        return {
            (group.model, group.name, self.chosen.contents[i]): made.text
            for group in self.groups
            for i, made in group.said.items()
        }


def grid_of(chosen: Chosen) -> Last:
    """Return a grid that waits for its answers: a group a template and model."""
    groups = []
    for template in chosen.templates:

        def judge(i: int, said: str, task: Task | None = task_of(template)) -> bool:
            return bool(obeys(task, chosen.contents[i], said))

        prompts = [chosen.prompt(template, content) for content in chosen.contents]
        groups += [
            Group(name=template, model=model, prompts=prompts, judge=judge) for model in MODELS
        ]
    return Last(chosen=chosen, groups=groups)


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    title, lesson = words.lesson("prompt")
    grid = gr.State(None)
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"prompt.guess_{name}"), name) for name in BOUNDS],
                    label=words("prompt.predict"),
                    elem_id="prompt-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="prompt-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="prompt-exercises"):
                first = exercise(words, "prompt", 1, contents=CONTENTS, valid=VALID)
                second = exercise(words, "prompt", 2, n=PROBLEMS, gain=GAIN)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                ask = ask_fields(words)
                drawn = gr.HTML(elem_id="prompt-drawn")
                with gr.Row(elem_classes="tools"):
                    go = gr.Button(
                        words("prompt.go"),
                        variant="primary",
                        elem_classes="go",
                        elem_id="prompt-go",
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="prompt-stop")
                status = gr.HTML(marks.say(), elem_id="prompt-status")
                links = gr.Row(elem_classes="tools")
            with gr.Column(elem_classes="card"):
                shown = gr.HTML(elem_id="prompt-grid")
                counted = gr.HTML("", elem_id="prompt-grid-rates")
            success = success_panel(lab, identity, words, ask)
            thought, compared = thought_panel(lab, identity, words)
            search = search_panel(lab, identity, words, ask.template)
            lists_panel(lab, identity, words)
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(elem_id="prompt-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(recorded_html(words), elem_id="prompt-recorded")
            linked: Fields = {**ask.fields, **success, **thought, **search}
            with links:
                link_button(words, "prompt", linked)

    def snippet(chosen: Chosen) -> str:
        values = {
            "MODELS": [model_value(model) for model in MODELS],
            "TEMPLATES": list(chosen.templates),
            "CONTENTS": list(chosen.contents),
            "OTHERS": chosen.others,
            "MAX_NEW_TOKENS": NEW_TOKENS,
        }
        return code_html("templates", fill("templates", values), words)

    def redraw(*values: object) -> dict:
        """Show the filled template, or what is wrong with it, while it is written."""
        try:
            chosen = read(*values)  # type: ignore[arg-type]
            return {drawn: preview(words, values), code: snippet(chosen)}
        except LabError as error:
            return {drawn: marks.say(words.error(error), bad=True)}

    async def run(request: gr.Request, *values: object) -> AsyncIterator[dict]:
        try:
            last = grid_of(read(*values))  # type: ignore[arg-type]
            yield {
                status: marks.say(words("waiting.start")),
                shown: grid_html(last.chosen, {}, words),
                counted: "",
                code: snippet(last.chosen),
            }
            running = run_groups(lab, last.groups, GREEDY, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    yield {
                        grid: last,
                        status: marks.say(words("prompt.of", n=done, of=total)),
                        shown: grid_html(last.chosen, last.said, words),
                        counted: rates_html(last.chosen, last.said, words),
                    }
            yield {status: marks.say(words("prompt.done"))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def predict(answer: str, request: gr.Request) -> AsyncIterator[str]:
        try:
            contents = await asyncio.to_thread(held_out, "translate", GUESSED_ON)
            chosen = Chosen(templates=COURSE[:1], contents=tuple(contents), others={})
            tried = [group for group in grid_of(chosen).groups if group.model == MODELS[0]]
            running = run_groups(lab, tried, GREEDY, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    yield marks.say(words("prompt.of", n=done, of=total))
            rate = tried[0].rate
            low, high = BOUNDS.get(answer, (0.0, 0.0))
            lab.exercise("prompt-predict", low <= rate.share < high)
            bars = rate_bars(words, [(words("prompt.pocket-base"), rate)], words("prompt.predict"))
            yield bars + marks.say(words("prompt.reveal", right=rate.right, n=rate.total))
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    def exercise_1(last: Last | None) -> str:
        right, hint, answer = own_template(last, words)
        return verdict(lab, words, "prompt-1", right, hint, answer=answer)

    def exercise_2(found: Compared | None) -> str:
        n = found.direct.total if found else 0
        gain = found.gain if found else 0.0
        right = n >= PROBLEMS and gain >= GAIN
        hint = words("prompt.exercise_2_not", n=n, gain=f"{gain:.0f}")
        return verdict(lab, words, "prompt-2", right, hint, answer=f"{gain:.0f} of {n}")

    began = go.click(run, ask.values, [grid, status, shown, counted, code], **QUIET)
    when_stopped(stop, [began], lambda: marks.say(words("prompt.stopped")), [], [status])
    gr.on(
        [c.change for c in ask.values],  # type: ignore[attr-defined]
        redraw,
        ask.values,
        [drawn, code],
        trigger_mode="always_last",
        **QUIET,
    )
    guess.input(predict, guess, reveal, **QUIET)
    first.check.click(exercise_1, grid, first.told, **QUIET)
    second.check.click(exercise_2, compared, second.told, **QUIET)
    values = [component.value for component in ask.values]
    chosen = read(*values)
    drawn.value = preview(words, values)
    shown.value = grid_html(chosen, {}, words)
    code.value = snippet(chosen)
    return linked


def own_template(last: Last | None, words: Words) -> tuple[bool, str, str]:
    """Judge exercise 1: whether it is right, the hint where it is not, and what was done."""
    if last is None:
        return False, words("prompt.exercise_1_none"), ""
    template = last.chosen.templates[0]
    [group] = [g for g in last.groups if (g.name, g.model) == (template, MODELS[1])]
    verdicts = [
        obeys(task_of(template), content, group.said[i].text)
        for i, content in enumerate(last.chosen.contents)
        if i in group.said
    ]
    judged = [v for v in verdicts if v is not None]
    rate = Rate(right=sum(judged), total=len(judged))
    own = template.split() not in [one.split() for one in COURSE]
    right = own and rate.total >= CONTENTS and rate.right >= VALID
    key = "prompt.exercise_1_not" if own else "prompt.exercise_1_course"
    return right, words(key, right=rate.right, n=rate.total), f"{template} {rate.right}"
