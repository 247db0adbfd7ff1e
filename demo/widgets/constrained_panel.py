"""Constrained decoding: a choice, a regular expression or JSON, with the mask of every step."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr

from backend.constraint import choice, json_schema, regex
from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.shots import CONTENT, COURSE, as_text
from backend.types import Constraint, Generation, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.constrained_view import steps_html, twins_html
from demo.widgets.fold import fold
from demo.widgets.rate_bar import rate_bars
from demo.widgets.token_strip import strip_value, token_strip
from demo.words import Words
from pocket.sentences import PAIRS

if TYPE_CHECKING:
    from backend.automaton import Automaton

KINDS = ("choice", "regex", "json")
MODELS = ("pocket-base", "pocket-chat")
ASKED = ("dragon", "cat", "robot")
CHOICES = [
    p.japanese for noun in ASKED for p in PAIRS if p.english == CONTENT.replace("dragon", noun)
]
SENTENCE = "[^\\n\u3002\uff1f]{1,30}[\u3002\uff1f]"  # one line up to its full stop
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer", "minDigits": 1, "maxDigits": 3}},
    "required": ["answer"],
}
DEFAULTS = {  # model, prompt, constraint
    "choice": (MODELS[0], as_text(COURSE, CONTENT), "\n".join(CHOICES)),
    "regex": (MODELS[0], as_text(COURSE, CONTENT), SENTENCE),
    "json": (MODELS[1], "1+1=?", json.dumps(SCHEMA, indent=1)),
}
RUNS = (20, 100)
GREEDY = SamplingParams(max_new_tokens=48, num_alternatives=8, seed=7)
HOT = 2.0


def constraint_of(kind: str, text: str) -> Constraint:
    """Read what the learner wrote: a choice is one text a line. Raises LabError."""
    if kind == "choice":
        return choice([line.strip() for line in text.splitlines()])
    return regex(text.strip()) if kind == "regex" else json_schema(text)


def constrained_panel(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the panel."""
    with fold(words, "constraint.title", "core", "shots-constrained"):
        gr.Markdown(words("constraint.what"))
        kind = gr.Radio(
            [(words(f"constraint.kind_{name}"), name) for name in KINDS],
            value=KINDS[0],
            label=words("constraint.kind"),
            elem_id="shots-constrained-kind",
        )
        model = gr.Radio(
            list(MODELS), value=MODELS[0], label=words("fields.model"),
            elem_id="shots-constrained-model",
        )  # fmt: skip
        prompt = gr.Textbox(
            DEFAULTS["choice"][1], label=words("fields.prompt"), lines=3, max_lines=8,
            elem_id="shots-constrained-prompt",
        )  # fmt: skip
        wanted = gr.Textbox(
            DEFAULTS["choice"][2], label=words("constraint.wanted_choice"), lines=3, max_lines=14,
            elem_id="shots-constrained-wanted",
        )  # fmt: skip
        with gr.Row(elem_classes="tools"):
            go = gr.Button(
                words("constraint.go"), variant="primary", elem_id="shots-constrained-go"
            )
            stop = gr.Button(words("stop"), elem_id="shots-constrained-stop")
        status = gr.HTML(marks.say(), elem_id="shots-constrained-status")
        twins = gr.HTML(elem_id="shots-constrained-twins")
        gr.HTML(marks.plain(words("constraint.strip"), "src"))
        strip = token_strip(words, "shots-constrained-strip")
        table = gr.HTML(elem_id="shots-constrained-steps")
        gr.Markdown(words("constraint.set_what"))
        runs = gr.Radio(
            [(str(n), n) for n in RUNS], value=RUNS[0], label=words("constraint.runs"),
            elem_id="shots-constrained-runs",
        )  # fmt: skip
        with gr.Row(elem_classes="tools"):
            over = gr.Button(words("constraint.set_go", t=HOT), elem_id="shots-constrained-over")
        rates = gr.HTML(marks.say(), elem_id="shots-constrained-rates")
        code = gr.HTML(elem_id="shots-constrained-code")

    async def said(
        name: str, text: str, params: SamplingParams, wish: Constraint | None, person: str
    ) -> Generation:
        running = answers(
            lab, [text], params, model=name, person=person, operation="generate", constraint=wish
        )
        async with contextlib.aclosing(running):
            found = [one[1] async for one in running if one]
        return found[0]

    async def built(
        name: str, how: str, text: str, params: SamplingParams
    ) -> "tuple[Constraint, Automaton, SamplingParams]":
        """Read and build the constraint; the limit lets every match that has one end."""
        from backend.automaton import automaton

        wish = await asyncio.to_thread(constraint_of, how, text)
        loaded = await asyncio.to_thread(lab.engine.model, name)
        found = await asyncio.to_thread(automaton, wish, loaded)
        most = min(found.longest or params.max_new_tokens, lab.settings.max_new_tokens)
        return wish, found, replace(params, max_new_tokens=most)

    def limits(found: "Automaton", most: int) -> str:
        size = words("constraint.size", states=len(found))
        if found.longest is None:
            return size + words("constraint.unbounded", most=most)
        key = "bounded" if found.longest <= most else "too_long"
        return size + words(f"constraint.{key}", longest=found.longest, most=most)

    async def run(
        how: str, name: str, text: str, wish_text: str, request: gr.Request
    ) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("constraint.building"))}
            person = person_of(identity, request)
            wish, found, params = await built(name, how, wish_text, GREEDY)
            yield {
                status: marks.say(words("constraint.running")),
                code: snippet(name, text, wish, params),
            }
            free = await said(name, text, replace(params, max_new_tokens=48), None, person)
            bound = await said(name, text, params, wish, person)
            yield {
                status: marks.say(limits(found, params.max_new_tokens)),
                twins: twins_html(words, free, bound, found),
                strip: strip_value(words, run=hash(bound.text), steps=bound.steps),
                table: steps_html(words, bound.steps, found),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def many(
        how: str, name: str, text: str, wish_text: str, n: int, request: gr.Request
    ) -> AsyncIterator[str]:
        """Draw n texts at a high temperature, without and with the constraint."""
        try:
            yield marks.say(words("constraint.building"))
            person = person_of(identity, request)
            hot = SamplingParams(
                do_sample=True, temperature=HOT, max_new_tokens=48, num_alternatives=0
            )
            wish, found, params = await built(name, how, wish_text, hot)
            each = [replace(params, seed=seed) for seed in range(int(n))]
            rows = {"free": Rate(right=0, total=0), "bound": Rate(right=0, total=0)}
            cut = 0
            for key, constraint in (("free", None), ("bound", wish)):
                running = answers(
                    lab, [text] * len(each), each, model=name, person=person,
                    operation="generate", constraint=constraint,
                )  # fmt: skip
                async with contextlib.aclosing(running):
                    async for one in running:
                        if not one:
                            continue
                        was, g = rows[key], one[1]
                        good = found.accepts([step.token_id for step in g.steps])
                        rows[key] = Rate(right=was.right + good, total=was.total + 1)
                        cut += key == "bound" and g.finish_reason == "length"
                        yield drawn(rows, 2 * len(each), cut)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    def drawn(rows: dict[str, Rate], total: int, cut: int) -> str:
        label = words("constraint.rates", t=HOT)
        bars = [(words(f"constraint.{key}"), rate) for key, rate in rows.items() if rate.total]
        done = sum(rate.total for rate in rows.values())
        told = words("constraint.progress", n=done, total=total)
        if cut:
            told += " " + words("constraint.cut", n=cut)
        return (
            marks.heading(label, words, "measured")
            + rate_bars(words, bars, label)
            + marks.say(told)
        )

    def snippet(name: str, text: str, wish: Constraint, params: SamplingParams) -> str:
        values = {
            "MODEL": model_value(name),
            "PROMPT": text,
            "PATTERN": wish.pattern,
            **sampling_values(params),
        }
        return code_html("constrained", fill("constrained", values), words)

    def chosen(how: str) -> list[object]:
        name, text, wish = DEFAULTS[how]
        return [name, text, gr.update(value=wish, label=words(f"constraint.wanted_{how}"))]

    inputs = [kind, model, prompt, wanted]
    kind.input(chosen, kind, [model, prompt, wanted], **QUIET)
    started = go.click(run, inputs, [status, twins, strip, table, code], **QUIET)
    counted = over.click(many, [*inputs, runs], rates, **QUIET)
    halted = marks.say(words("reason.cancelled"))
    when_stopped(stop, [started, counted], lambda: halted, [], [status])
    code.value = snippet(MODELS[0], DEFAULTS["choice"][1], choice(CHOICES), GREEDY)
