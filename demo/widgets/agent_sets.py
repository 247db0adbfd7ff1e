"""Over a set: the right tool, valid arguments, the right answer after the result; conversion."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from html import escape

import gradio as gr

from backend.agent_sets import CONVERSIONS, ToolSet, rate
from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.tools import checked, toolbox
from backend.types import Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.rag import FALLBACK
from demo.widgets import marks
from demo.widgets.card_lines import card_html
from demo.widgets.fold import fold, table
from demo.widgets.rate_bar import rate_bars
from demo.words import Words

TUNED = ("search", "calculator", "clock")
PARAMS = SamplingParams(max_new_tokens=48, num_alternatives=0)  # as the model card measures
SIZES = (20, 40, 80)


def agent_sets(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the fold with its button, progress, rates and the table of choices."""
    with fold(words, "agents.set_title", "core", "search-toolset-fold"):
        gr.Markdown(words("agents.set_text"))
        n = gr.Radio(list(SIZES), value=SIZES[0], label="n", elem_id="search-toolset-n")
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("agents.set_go"), elem_id="search-toolset-go")
            stop = gr.Button(words("stop"), elem_id="search-toolset-stop")
        status = gr.HTML(marks.say(), elem_id="search-toolset-status")
        shown = gr.HTML(elem_id="search-toolset-rates")
        gr.HTML(
            card_html(
                words,
                "tools",
                {
                    "the right tool and arguments": "agents.rate_right",
                    "the answer from the result": "agents.rate_answered",
                },
            )
        )

    async def run(size: int, request: gr.Request) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("waiting.start"))}
            box = toolbox(find=lambda query: [], zone=UTC)
            tuned = {name: box[name] for name in TUNED}
            schemas = await asyncio.to_thread(lambda: [tool.schema for tool in box.values()])
            drawn = await asyncio.to_thread(ToolSet.of, int(size))
            person, converted = person_of(identity, request), dict[int, str]()
            said: dict[int, str] = {}
            asked: list[list[Message]] = [[{"role": "user", "content": c}] for c in CONVERSIONS]
            of = len(drawn.prompts) + len(asked)
            for prompts, given, into in (
                (drawn.prompts, schemas[: len(TUNED)], said),
                (asked, schemas, converted),
            ):
                running = answers(
                    lab, prompts, PARAMS,
                    tools=given, model=FALLBACK, person=person, operation="agent",
                )  # fmt: skip
                async with contextlib.aclosing(running):
                    async for found in running:
                        if found:
                            into[found[0]] = found[1].text
                        rates = drawn.rates(said, tuned)
                        chosen = (checked(t, box).name == "convert" for t in converted.values())
                        yield {
                            status: marks.say(
                                words("agents.of", n=len(said) + len(converted), of=of)
                            ),
                            shown: rates_html(rates, rate(chosen), words)
                            + choices_html(drawn.table(said, tuned), words),
                        }
            yield {status: marks.say(words("agents.set_done", n=of))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    began = go.click(run, n, [status, shown], **QUIET)
    when_stopped(stop, [began], lambda: marks.say(words("reason.cancelled")), [], [status])


def rates_html(rates: Mapping[str, Rate], conversion: Rate, words: Words) -> str:
    """Draw the rates; one that has not begun yet is left out."""
    names = ("chosen", "valid", "right", "answered")
    rows = [(words(f"agents.rate_{name}"), rates[name]) for name in names]
    rows.append((words("agents.rate_convert"), conversion))
    title = words("agents.set_rates")
    begun = [row for row in rows if row[1].total]
    return marks.heading(title, words, "measured") + rate_bars(words, begun, title)


def choices_html(counts: Mapping[tuple[str, str], int], words: Words) -> str:
    """Draw the table: tool needed down, tool chosen across."""
    names = ("search", "calculator", "clock", "")
    seen = {chosen for _, chosen in counts} - set(names)
    across = (*names, *sorted(seen))  # names that the model made up
    label = {"": words("agents.none")}
    heads = "".join(f'<th scope="col">{escape(label.get(c, c))}</th>' for c in across)
    rows = "".join(
        f'<tr><th scope="row">{escape(label.get(w, w))}</th>'
        + "".join(f"<td>{counts.get((w, c), 0)}</td>" for c in across)
        + "</tr>"
        for w in names
    )
    title = words("agents.choices")
    corner = f'<th scope="col">{escape(words("agents.needed"))}</th>'
    return marks.heading(title, words, "measured") + table(title, f"<tr>{corner}{heads}</tr>{rows}")
