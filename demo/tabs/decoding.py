"""Decoding: which whole sentence to take: greedy, beam search, MAP, MBR (the course's 1.1)."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable

import gradio as gr

from backend.beams import BeamParams
from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.searches import CASES, SAME, Desk, first_case, search, searched
from demo.widgets import marks
from demo.widgets.beam_tree import beam_tree_html
from demo.widgets.beam_views import finished_html, sides_html
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.decoding_deep import exact_panel, own_panel, proofs_panel
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.mbr_panel import mbr_panel
from demo.words import Words

PROMPT = "Tell me a story about a dragon."  # the course's
MODELS = ("pocket-chat", "pocket-base")
BEAM, SAMPLED = "beam", "sampled"
DEFAULTS = BeamParams(num_beams=4, length_penalty=1.0, max_new_tokens=32, seed=7)
REDRAW_S = 0.7  # a tree is large: not at every forward
GUESSES = ("higher", "same", "lower")


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    desk = gr.State(Desk())
    title, lesson = words.lesson("decoding")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"decoding.predict_{name}"), name) for name in GUESSES],
                    label=words("decoding.predict"),
                    elem_id="decoding-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="decoding-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="decoding-exercises"):
                first = exercise(words, "decoding", 1)
                second = exercise(words, "decoding", 2)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                with gr.Row(elem_classes="ask"):
                    prompt = gr.Textbox(
                        PROMPT,
                        label=words("fields.prompt"),
                        lines=1,
                        max_lines=6,
                        elem_id="decoding-prompt",
                    )
                    go = gr.Button(
                        words("decoding.go"),
                        variant="primary",
                        elem_classes="go",
                        elem_id="decoding-go",
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="decoding-stop")
                with gr.Row(elem_classes="knobs"):
                    how = gr.Radio(
                        [(words(f"decoding.how_{name}"), name) for name in (BEAM, SAMPLED)],
                        value=BEAM,
                        label=words("fields.do_sample"),
                        elem_id="decoding-how",
                        scale=2,
                        min_width=280,
                    )
                    beams, penalty, new, seed = (
                        gr.Number(
                            value,
                            label=words(f"fields.{name}"),
                            step=step,
                            precision=None,
                            min_width=90,
                            elem_id=f"decoding-{name.replace('_', '-')}",
                        )
                        for name, value, step in (
                            ("num_beams", DEFAULTS.num_beams, 1),
                            ("length_penalty", DEFAULTS.length_penalty, 0.5),
                            ("max_new_tokens", DEFAULTS.max_new_tokens, 1),
                            ("seed", DEFAULTS.seed, 1),
                        )
                    )
                with gr.Accordion(words("settings.more"), open=False, elem_id="decoding-more"):
                    model = gr.Dropdown(
                        list(MODELS),
                        value=MODELS[0],
                        label=words("fields.model"),
                        elem_id="decoding-model",
                    )
                fields: dict[str, gr.components.Component] = {
                    "prompt": prompt,
                    "model": model,
                    "how": how,
                    "num_beams": beams,
                    "length_penalty": penalty,
                    "max_new_tokens": new,
                    "seed": seed,
                }
                with gr.Row(elem_classes="tools"):
                    beam_wins, greedy_wins = (
                        gr.Button(
                            words(f"decoding.case_{name}"),
                            size="sm",
                            elem_id=f"decoding-case-{name}",
                        )
                        for name in ("beam", "greedy")
                    )
                    link_button(words, "decoding", fields)
                status = gr.HTML(marks.say(), elem_id="decoding-status")
            with gr.Column(elem_classes="card"):
                sides = gr.HTML(
                    marks.heading(words("decoding.sides"), words, note=words("level.core"))
                    + marks.say(words("inside.wait")),
                    elem_id="decoding-sides",
                    elem_classes="tall",
                )
            with gr.Column(elem_classes="card"):
                tree = gr.HTML(
                    marks.heading(words("decoding.tree"), words, note=words("level.core"))
                    + marks.say(words("inside.wait")),
                    elem_id="decoding-tree",
                    elem_classes="tall",
                )
            with gr.Column(elem_classes="card"):
                finished = gr.HTML(
                    marks.heading(words("decoding.finished"), words, note=words("level.core"))
                    + marks.say(words("inside.wait")),
                    elem_id="decoding-finished",
                )
            mbr = mbr_panel(lab, identity, words, prompt, model)
            exact = exact_panel(lab, identity, words, [prompt, model, beams])
            own = own_panel(lab, identity, words, desk, [prompt, model])
            proofs = proofs_panel(lab, identity, words, [prompt, model])
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(elem_id="decoding-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("decoding.recorded"), "prose"),
                        elem_id="decoding-recorded",
                    )
            with fold(words, "decoding.scores_code", "deep", "decoding-scores"):
                scores = gr.HTML(elem_id="decoding-scores-code")

    def params_of(
        way: str, k: float, power: float, most: float, number: float | None
    ) -> BeamParams:
        return BeamParams(
            num_beams=k,  # type: ignore[arg-type]  # a Number gives 4.0 for 4; checked there
            length_penalty=power,
            max_new_tokens=most,  # type: ignore[arg-type]
            do_sample=way == SAMPLED,
            seed=0 if number is None and way == BEAM else number,  # type: ignore[arg-type]
        )

    def snippets(text: str, name: str, params: BeamParams) -> tuple[str, str]:
        values: dict[str, object] = {
            "MODEL": model_value(name),
            "PROMPT": text,
            "NUM_BEAMS": params.num_beams,
            "LENGTH_PENALTY": params.length_penalty,
            "MAX_NEW_TOKENS": params.max_new_tokens,
        }
        scored = code_html("beam_scores", fill("beam_scores", values), words)
        drawn: dict[str, object] = {"do_sample": params.do_sample}
        if params.do_sample:
            drawn |= {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
        values |= {"SAMPLING": drawn, "SEED": params.seed}
        return code_html("beam", fill("beam", values), words), scored

    async def look(
        d: Desk, text: str, name: str, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        began = drawn_at = time.perf_counter()
        try:
            params = params_of(*values)  # type: ignore[arg-type]
            yield {status: marks.say(words("waiting.start"))}
            shown = snippets(text, name, params)
            yield {code: shown[0], scores: shown[1]}
            person, first_s = person_of(identity, request), None
            searching = search(lab, text, params, model=name, person=person)
            async with contextlib.aclosing(searching):
                async for found in searching:
                    d.found, now = found, time.perf_counter()
                    running = words("decoding.running", n=len(found.steps))
                    if not found.steps or (first_s and now - drawn_at < REDRAW_S):
                        yield {status: marks.say(running)}
                        continue
                    drawn_at, first_s = now, first_s or now - began
                    yield {
                        status: marks.say(running),
                        sides: sides_html(found, words),
                        tree: beam_tree_html(found.steps, -1, words),
                    }
            seconds = f"{time.perf_counter() - began:.2f}"
            looked = sum(len(step.nodes) for step in found.steps)
            yield {
                sides: sides_html(found, words),
                tree: beam_tree_html(found.steps, found.steps[-1].finished[0].node, words),
                finished: finished_html(found, words),
                status: marks.say(
                    words("decoding.done", n=len(found.steps), looked=looked, seconds=seconds)
                ),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    def case(sign: int) -> Callable[..., AsyncIterator[dict]]:
        async def find(
            d: Desk, name: str, request: gr.Request, *values: object
        ) -> AsyncIterator[dict]:
            """Try CASES until the beam (1) or greedy (-1) wins at the same length, and show it."""
            try:
                params, person = params_of(*values), person_of(identity, request)  # type: ignore[arg-type]
                trying = first_case(lab, sign, params, model=name, person=person)
                async for text, won in trying:
                    yield {status: marks.say(words("decoding.case_trying", prompt=text))}
                    if won:
                        yield {prompt: text}
                        async for change in look(d, text, name, request, *values):
                            yield change
                        return
                yield {status: marks.say(words("decoding.case_none", n=len(CASES)))}
            except LabError as error:
                yield {status: marks.say(words.error(error), bad=True)}

        return find

    async def predict(answer: str, request: gr.Request) -> str:
        try:
            person = person_of(identity, request)
            found = await searched(lab, PROMPT, DEFAULTS, model=MODELS[0], person=person)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        truth = GUESSES[0 if found.gain > SAME else 2 if found.gain < -SAME else 1]
        lab.exercise("decoding-predict", answer == truth)
        totals = {"greedy": f"{found.greedy.total:.3f}", "beam": f"{found.beams[0].total:.3f}"}
        return marks.say(words(f"decoding.reveal_{truth}", **totals))

    def exercise_1(d: Desk) -> str:
        found = d.found
        if found is None or not found.beams:
            return verdict(lab, words, "decoding-1", False, words("decoding.exercise_none"))
        best, greedy = found.beams[0], found.greedy
        own_prompt = found.prompt.strip() not in (PROMPT, *CASES) and not found.params.do_sample
        longer = len(best.ids) >= len(greedy.ids) or (best.ended and greedy.ended)
        right = own_prompt and found.gain > SAME and longer
        totals = {"greedy": f"{greedy.total:.3f}", "beam": f"{best.total:.3f}"}
        key = "hint" if own_prompt and longer else "rules"
        hint = words(f"decoding.exercise_1_{key}", **totals)
        answer = f"{found.prompt}: {totals['beam']} > {totals['greedy']}"
        return verdict(lab, words, "decoding-1", right, hint, answer=answer)

    settings = [how, beams, penalty, new, seed]
    outputs = [status, sides, tree, finished, code, scores]
    started = gr.on(
        [go.click, prompt.submit], look, [desk, prompt, model, *settings], outputs, **QUIET
    )
    cases = [
        button.click(case(sign), [desk, model, *settings], [prompt, *outputs], **QUIET)
        for button, sign in ((beam_wins, 1), (greedy_wins, -1))
    ]
    running = [started, *cases, *mbr.running, *exact, *own, *proofs]
    when_stopped(stop, running, lambda: marks.say(words("reason.cancelled")), [], [status])
    guess.input(predict, guess, reveal, **QUIET)
    first.check.click(exercise_1, desk, first.told, **QUIET)
    second.check.click(mbr.exercise, [mbr.samples, mbr.n], second.told, **QUIET)

    def preview(text: str, name: str, *values: object) -> object:
        try:
            return list(snippets(text, name, params_of(*values)))  # type: ignore[arg-type]
        except LabError:
            return [gr.skip(), gr.skip()]

    gr.on(
        [c.change for c in (prompt, model, *settings)],  # type: ignore[attr-defined]
        preview,
        [prompt, model, *settings],
        [code, scores],
        trigger_mode="always_last",
        **QUIET,
    )
    code.value, scores.value = snippets(PROMPT, MODELS[0], DEFAULTS)
    return {**fields, **mbr.fields}
