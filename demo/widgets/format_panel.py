"""What the template is worth over a set: with it, with two `<s>`, folded by hand, and without."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import gradio as gr

from backend.chat_templates import folded
from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.shots import SYSTEM
from backend.types import Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.exercises import exercise, verdict
from demo.widgets.fold import fold
from demo.widgets.rate_bar import rate_bars
from demo.words import Words

CHAT = "pocket-chat"
WAYS = ("template", "twice", "folded", "text")
ITEMS = (8, 20, 40)  # a half translations, a quarter sums, a quarter questions on a passage
GREEDY = SamplingParams(max_new_tokens=64, num_alternatives=0)
ASKED = "Tell me a story about a dragon."
TRAP = f"<s>[INST] {ASKED} [/INST]"  # what the shipped template writes of it


def prompts(lab: Lab, asked: Sequence[str]) -> dict[str, list[str | Sequence[Message]]]:
    """Return the requests in the four ways. A text gets the tokenizer's start token."""
    talks: list[list[Message]] = [
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": q}] for q in asked
    ]
    return {
        "template": list(talks),
        "twice": [lab.render(talk, CHAT).text for talk in talks],
        "folded": [folded(talk) for talk in talks],
        "text": [f"{SYSTEM}\n\n{q}" for q in asked],
    }


def format_panel(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the panel."""
    with fold(words, "template.set_title", "deep", "shots-format"):
        gr.Markdown(words("template.set_what"))
        size = gr.Radio(
            [(str(n), n) for n in ITEMS], value=ITEMS[0], label=words("template.set_items"),
            elem_id="shots-format-items",
        )  # fmt: skip
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("template.set_go"), elem_id="shots-format-go")
            stop = gr.Button(words("stop"), elem_id="shots-format-stop")
        status = gr.HTML(marks.say(), elem_id="shots-format-status")
        view = gr.HTML(elem_id="shots-format-result")
        gr.Markdown(words("template.set_says"))

    async def run(n: int, request: gr.Request) -> AsyncIterator[dict]:
        from pocket.measure import format_items  # brings torch

        try:
            yield {status: marks.say(words("waiting.start"))}
            items, person = format_items(int(n)), person_of(identity, request)
            asked = await asyncio.to_thread(prompts, lab, [q for q, _ in items])
            rates = {way: Rate(right=0, total=0) for way in WAYS}
            for way in WAYS:
                running = answers(
                    lab, asked[way], GREEDY, model=CHAT, person=person, operation="generate"
                )
                async with contextlib.aclosing(running):
                    async for one in running:
                        if not one:
                            continue
                        i, said = one
                        right = rates[way].right + said.text.strip().endswith(items[i][1])
                        rates[way] = Rate(right=right, total=rates[way].total + 1)
                        done = sum(rate.total for rate in rates.values())
                        told = words("template.set_progress", n=done, total=len(items) * len(WAYS))
                        yield {status: marks.say(told), view: rates_html(words, rates)}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    started = go.click(run, size, [status, view], **QUIET)
    halted = marks.say(words("reason.cancelled"))
    when_stopped(stop, [started], lambda: halted, [], [status])


def rates_html(words: Words, rates: dict[str, Rate]) -> str:
    """Draw a bar per way that has begun."""
    label = words("template.set_title")
    rows = [(words(f"template.way_{way}"), rate) for way, rate in rates.items() if rate.total]
    return marks.heading(label, words, "measured") + rate_bars(words, rows, label)


def start_token_exercise(lab: Lab, words: Words) -> None:
    """Draw the second exercise: mend the double start token, checked on the ids."""
    text = gr.Textbox(
        TRAP, label=words("template.exercise_text"), lines=2, render=False,
        elem_id="shots-exercise-text",
    )  # fmt: skip
    second = exercise(words, "shots", 2, answer=text)
    add = gr.Checkbox(True, label="add_special_tokens", elem_id="shots-exercise-add")

    async def check(given: str, add_start: bool) -> str:
        try:
            wanted = (
                await asyncio.to_thread(lab.render, [{"role": "user", "content": ASKED}], CHAT)
            ).ids
            records = await asyncio.to_thread(lab.tokenize, given, CHAT)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        ids = tuple(record.id for record in records)
        ids = ids if add_start else ids[1:]
        first = " ".join(map(str, ids[:3]))
        hint = words("shots.exercise_2_not", n=len(ids), wanted=len(wanted), first=first)
        said = f"{given} add_special_tokens={add_start}"
        return verdict(lab, words, "shots-2", ids == wanted, hint, answer=said)

    second.check.click(check, [text, add], second.told, **QUIET)
