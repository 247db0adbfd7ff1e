"""An agent: the model chooses a tool, step by step, every raw turn visible (the course's 1683)."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

import gradio as gr

from backend.agent import MOST_STEPS, Lane, lanes
from backend.errors import LabError
from backend.lab import Lab
from backend.tools import Tool, own_zone, toolbox, zone_of
from backend.types import SamplingParams, TokenRecord
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields
from demo.rag import chat_model
from demo.waiting import waiting_text
from demo.widgets import marks
from demo.widgets.agent_sets import agent_sets
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.exercises import exercise, verdict
from demo.widgets.fold import fold
from demo.widgets.lanes import lanes_html
from demo.widgets.planted import planted
from demo.widgets.token_strip import strip_value, token_strip
from demo.widgets.tool_cards import ZONE, tool_cards
from demo.words import Words

TUNED = ("search", "calculator", "clock")  # what the shipped model can choose
NAMES = (*TUNED, "convert")
PARAMS = SamplingParams(max_new_tokens=160)  # greedy, as the model card measures
EXAMPLES = ("fact", "sum", "time", "story")


@dataclass(kw_only=True)
class Loop:
    """What one open page has run last."""

    shown: dict[int, Lane] = field(default_factory=dict)
    model: str = ""
    sources: list[str] = field(default_factory=list)  # of each search that found something


def agent_panel(lab: Lab, identity: Identity, words: Words, source: gr.Radio) -> Fields:
    """Draw the agent's cards and bind their handlers; `source` says where `search` looks.

    Returns the fields that a link holds.
    """
    loop = gr.State(Loop())
    numbers = itertools.count(1)
    with gr.Column(elem_classes="card", elem_id="search-agent"):
        gr.HTML(marks.heading(words("agents.title"), words))
        gr.Markdown(words("agents.text"), elem_classes="prose")
        with gr.Row(elem_classes="ask"):
            question = gr.Textbox(
                words("agents.example_fact"),
                label=words("agents.question"),
                lines=1,
                max_lines=3,
                elem_id="search-agent-question",
            )
            go = gr.Button(
                words("agents.go"),
                variant="primary",
                elem_classes="go",
                elem_id="search-agent-go",
            )
            stop = gr.Button(words("stop"), elem_classes="go", elem_id="search-agent-stop")
        with gr.Row(elem_classes="tools"):
            examples = [
                gr.Button(words(f"agents.example_{name}"), size="sm", elem_id=f"search-eg-{name}")
                for name in EXAMPLES
            ]
        with gr.Row(elem_classes="knobs"):
            offered = gr.CheckboxGroup(
                list(NAMES),
                value=list(TUNED),
                label=words("agents.offered"),
                info=words("agents.offered_info"),
                elem_id="search-agent-offered",
                scale=2,
            )
            steps = gr.Slider(
                1, MOST_STEPS, value=3, step=1,
                label=words("agents.steps"), elem_id="search-agent-steps",
            )  # fmt: skip
        zone = gr.Textbox(visible="hidden", elem_id="search-agent-zone")  # filled by the browser
        status = gr.HTML(marks.say(), elem_id="search-agent-status")
        drawn = gr.HTML(marks.say(words("agents.wait")), elem_id="search-agent-lanes")
        with gr.Accordion(words("agents.strip"), open=False, elem_id="search-agent-tokens"):
            which = gr.Radio([], label=words("agents.which"), elem_id="search-agent-which")
            strip = token_strip(words, "search-agent-strip")
        with gr.Accordion(words("exercise.title"), open=False, elem_id="search-agent-exercise"):
            first = exercise(words, "agents", 1)
        link = gr.Button(words("link.copy"), size="sm", elem_id="search-agent-link", min_width=90)
        linked_told = gr.HTML(marks.say(), elem_id="search-agent-linked")

    def tools_in(zone_name: str) -> Mapping[str, Tool]:
        """All tools, for calls by hand: the lab's own pages alone are searched."""
        return toolbox(
            find=lambda query: (
                lab.retrieval.search(query, "auto", most=1).hits
                if lab.settings.search == "web"
                else lab.retrieval.search(query, "offline", most=1).hits
            ),
            zone=zone_of(zone_name) or own_zone(),
        )

    tool_cards(lab, words, question, offered, zone, tools_in)
    planted(lab, identity, words)
    agent_sets(lab, identity, words)
    with fold(words, "agents.code", "core", "search-agent-code-fold"):
        code = gr.HTML(snippet("", words), elem_id="search-agent-code")
        gr.HTML(code_html("calculator", fill("calculator", {}), words), elem_id="search-calc-code")

    async def run(
        text: str, names: list[str], most: int, where: str, zone_name: str, request: gr.Request
    ) -> AsyncIterator[dict]:
        if not text.strip() or not names:
            missing = words("agents.empty" if names else "agents.no_tools")
            yield {status: marks.say(missing, bad=True)}
            return
        now = Loop()

        def find(query: str) -> tuple:
            found = lab.retrieval.search(query, where, most=1)
            if found.hits:
                now.sources.append(found.source)
            return found.hits

        mine = zone_of(zone_name)
        box = toolbox(find=find, zone=mine or own_zone())
        tools = {name: tool for name, tool in box.items() if name in names}
        try:
            yield {
                status: marks.say(words("waiting.start")),
                drawn: marks.say(),
                loop: now,
                code: snippet(text, words),
            }
            now.model = await asyncio.to_thread(chat_model, lab)
            running = lanes(
                lab, text, tools, PARAMS,
                most_steps=int(most), model=now.model, person=person_of(identity, request),
            )  # fmt: skip
            async with contextlib.aclosing(running):
                async for lane in running:
                    now.shown[lane.number] = lane
                    yield {
                        status: marks.say(running_text(lane, words)),
                        drawn: lanes_html(list(now.shown.values()), words, sources=now.sources),
                    }
            said = ended_text(now, words)
            if any(lane.turn and lane.turn.name == "clock" for lane in now.shown.values()):
                said += " " + clock_text(mine, words)
            yield {
                status: marks.say(said),
                loop: now,
                which: gr.update(choices=list(now.shown), value=max(now.shown)),
                strip: strip_of(lab, now, max(now.shown), next(numbers), words),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    def pick(number: int | None, now: Loop) -> dict:
        if number not in now.shown:
            return strip_value(words)
        return strip_of(lab, now, int(number), next(numbers), words)

    def check(now: Loop) -> str:
        """A lane whose tool refused, and an end that came all the same."""
        failed = [lane for lane in now.shown.values() if lane.error is not None]
        answer = failed[0].injected if failed else ""
        hint = words("agents.exercise_1_not")
        return verdict(lab, words, "agents-1", bool(failed), hint, answer=answer)

    running = [
        gr.on(
            [go.click, question.submit],
            run,
            [question, offered, steps, source, zone],
            [status, drawn, loop, code, which, strip],
            js=f"(q, o, s, w) => [q, o, s, w, {ZONE}]",
            **QUIET,
        )
    ]
    when_stopped(stop, running, lambda: marks.say(words("reason.cancelled")), [], [status])
    which.input(pick, [which, loop], strip, **QUIET)
    first.check.click(check, loop, first.told, **QUIET)
    for name, button in zip(EXAMPLES, examples):
        button.click(lambda name=name: words(f"agents.example_{name}"), None, question, **QUIET)
    fields: Fields = {"agent_question": question, "agent_steps": steps}
    link.click(
        None,
        list(fields.values()),
        linked_told,
        js=f"(...values) => window.lab.link('search', {list(fields)!r}, values,"
        f" {words('link.copied')!r})",
    )
    return fields


def snippet(question: str, words: Words) -> str:
    """Draw the loop in plain transformers, with this question."""
    values: dict[str, object] = {"MODEL": model_value("pocket-chat")}
    if question.strip():
        values["QUESTION"] = question
    return code_html("agent_loop", fill("agent_loop", values), words)


def running_text(lane: Lane, words: Words) -> str:
    """Say what a step is at."""
    if lane.update.waiting:
        return waiting_text(lane.update, words)
    return words("agents.running", n=lane.number, new=len(lane.steps))


def ended_text(now: Loop, words: Words) -> str:
    """Say how the loop ended."""
    last = now.shown[max(now.shown)]
    answered = last.turn is not None and last.turn.verdict == "answer"
    return words("agents.answered" if answered else "agents.limit", n=last.number)


def clock_text(mine: tzinfo | None, words: Words) -> str:
    """Say whose time the clock showed."""
    if mine is None:
        return words("agents.clock_server", zone=own_zone())
    return words("agents.clock_yours", zone=mine)


def strip_of(lab: Lab, now: Loop, number: int, run: int, words: Words) -> dict:
    """Return a lane for the strip: what the model was given, then what it wrote."""
    lane, given = now.shown[number], list[TokenRecord]()
    if lane.prompt.ids:
        vocabulary = lab.engine.model(now.model).vocabulary
        given = [vocabulary.record(i) for i in lane.prompt.ids]
    return strip_value(words, run=run, prompt=given, steps=lane.steps)
