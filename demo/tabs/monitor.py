"""Monitor: where is my request, what does the machine do; one step serves everybody in a batch."""

from collections.abc import AsyncIterator

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.queueing import expected_wait_s
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.streams_panel import ROWS, Measured, measured, runs_html
from demo.words import Words

GUESSES = {"same": 1.0, "some": 2.0, "eight": 8.0}  # how much longer a step of eight rows takes
GAIN = 3.0  # of the first exercise
ASKED = {"ahead": 4, "running": 8, "each": 12}  # of the second
Runs = dict[int, Measured]


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers; assets/monitor.js fills in what is live."""
    title, lesson = words.lesson("monitor")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"monitor.predict_{name}"), name) for name in GUESSES],
                    label=words("monitor.predict"),
                    elem_id="monitor-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="monitor-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="monitor-exercises"):
                least = gr.Number(
                    label=words("monitor.exercise_1_label"),
                    precision=0,
                    elem_id="monitor-least",
                    render=False,
                )
                first = exercise(words, "monitor", 1, answer=least, gain=f"{GAIN:g}")
                wait = gr.Number(
                    label=words("monitor.exercise_2_label"), elem_id="monitor-wait", render=False
                )
                second = exercise(words, "monitor", 2, answer=wait, **ASKED)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                gr.HTML(
                    marks.heading(words("monitor.mine"), words)
                    + f'<div data-live="mine" role="status">{marks.say()}</div>',
                    elem_id="monitor-mine",
                )
                gr.HTML(
                    marks.heading(words("monitor.now"), words, "measured", words("monitor.every"))
                    + live("now", words),
                    elem_id="monitor-now",
                )
            with gr.Column(elem_classes="card"):
                gr.HTML(marks.heading(words("monitor.try"), words, "measured"))
                with gr.Row(elem_classes="ask"):
                    rows = gr.Radio(
                        list(ROWS),
                        value=1,
                        label=words("monitor.rows_asked"),
                        elem_id="monitor-rows",
                    )
                    go = gr.Button(words("monitor.go"), variant="primary", elem_id="monitor-go")
                status = gr.HTML(marks.say(), elem_id="monitor-status")
                shown = gr.HTML(runs_html({}, words), elem_id="monitor-runs")
                runs = gr.State({})
            with gr.Column(elem_classes="card"):
                gr.HTML(
                    marks.heading(words("monitor.memory"), words, "measured")
                    + live("memory", words),
                    elem_id="monitor-memory",
                )
            with fold(words, "monitor.inside", "core", "monitor-inside"):
                gr.Markdown(words("monitor.inside_text"))
                gr.HTML(live("steps", words), elem_id="monitor-steps")
            with gr.Column(elem_classes="card"):
                gr.HTML(
                    code_html("batch_step", fill("batch_step", {}), words), elem_id="monitor-code"
                )
            link_button(words, "monitor", {"rows": rows})

    async def run(n: int, done: Runs, request: gr.Request) -> AsyncIterator[dict]:
        try:
            async for found in measured(lab, int(n), words, person=person_of(identity, request)):
                if isinstance(found, str):
                    yield {status: marks.say(found)}
                    continue
                done = {**done, found.rows: found}
                said = words("monitor.done", rows=found.rows, tokens=found.tokens)
                yield {status: marks.say(said), shown: runs_html(done, words), runs: done}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def predict(answer: str, done: Runs, request: gr.Request) -> AsyncIterator[dict]:
        """Measure one row and eight, where that has not been done yet."""
        person = person_of(identity, request)
        try:
            for n in (1, 8):
                if n in done:
                    continue
                yield {reveal: marks.say(words("monitor.measuring", rows=n))}
                async for found in measured(lab, n, words, person=person):
                    if isinstance(found, Measured):
                        done = {**done, n: found}
        except LabError as error:
            yield {reveal: marks.say(words.error(error), bad=True)}
            return
        times = done[8].step_s / done[1].step_s
        lab.exercise("monitor-predict", answer == nearest(times))
        one, eight = (f"{1000 * done[n].step_s:.1f}" for n in (1, 8))
        said = words("monitor.reveal", one=one, eight=eight, times=f"{times:.1f}")
        yield {reveal: marks.say(said), shown: runs_html(done, words), runs: done}

    def check_1(answer: float | None, done: Runs) -> str:
        n, one = int(answer or 0), done.get(1)
        if one is None or n not in done:
            hint = words("monitor.exercise_1_measure")
            return verdict(lab, words, "monitor-1", False, hint)
        reach = [k for k in done if done[k].tokens_per_s >= GAIN * one.tokens_per_s]
        tried = all(k in done for k in ROWS if k < n)
        right = tried and bool(reach) and n == min(reach)
        gain = f"{done[n].tokens_per_s / one.tokens_per_s:.1f}"
        hint = words("monitor.exercise_1_not", rows=n, gain=gain)
        return verdict(lab, words, "monitor-1", right, hint, answer=n)

    def check_2(answer: float | None) -> str:
        wanted = expected_wait_s(ASKED["ahead"], ASKED["running"], [ASKED["each"]])
        right = answer is not None and wanted is not None and abs(answer - wanted) < 0.05
        hint = words("monitor.exercise_2_not")
        return verdict(lab, words, "monitor-2", right, hint, answer=answer)

    go.click(run, [rows, runs], [status, shown, runs], **QUIET)
    guess.input(predict, [guess, runs], [reveal, shown, runs], **QUIET)
    first.check.click(check_1, [least, runs], first.told, **QUIET)
    second.check.click(check_2, wait, second.told, **QUIET)
    return {"rows": rows}


def live(name: str, words: Words) -> str:
    """The place that assets/monitor.js fills; its height is kept by assets/monitor.css."""
    return f'<div data-live="{name}">{marks.say(words("inside.wait"))}</div>'


def nearest(times: float) -> str:
    """Return the guess that a measured ratio is nearest to, as ratios go."""
    return min(GUESSES, key=lambda name: max(GUESSES[name] / times, times / GUESSES[name]))
