"""The tools as typed functions, their schemas, what the template writes, and calls by hand."""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.tools import Tool, called, checked
from backend.types import Prompt
from demo.capabilities import note
from demo.events import QUIET
from demo.rag import chat_model
from demo.widgets import marks
from demo.widgets.fold import fold
from demo.words import Words

BY_HAND = '{"name": "convert", "arguments": {"value": 10, "unit": "km", "into": "mile"}}'
ZONE = "Intl.DateTimeFormat().resolvedOptions().timeZone"  # JavaScript: the reader's
Toolbox = Callable[[str], Mapping[str, Tool]]  # by the reader's time zone


def tool_cards(
    lab: Lab, words: Words, question: gr.Textbox, offered: gr.CheckboxGroup, zone: gr.Textbox,
    tools_in: Toolbox,
) -> None:  # fmt: skip
    """Draw the fold; the schemas are made when it is first opened, since that imports torch."""
    with fold(words, "agents.tools_title", "core", "search-tools-fold") as opened:
        gr.Markdown(words("agents.tools_text"))
        cards = gr.HTML(marks.say(words("waiting.start")), elem_id="search-tools-cards")
        written = gr.HTML(elem_id="search-tools-written")
        gr.Markdown(words("agents.hand_text"))
        with gr.Row(elem_classes="ask"):
            typed = gr.Textbox(
                BY_HAND, label=words("agents.hand"), lines=1, max_lines=4, elem_id="search-hand"
            )
            go = gr.Button(words("agents.hand_go"), elem_id="search-hand-go")
        told = gr.HTML(hand_html(words, "", {}), elem_id="search-hand-told")

    async def show(text: str, names: list[str]) -> tuple[str, str]:
        """Draw the cards, and the prompt with and without the tools that are offered."""
        tools = tools_in("")
        drawn = await asyncio.to_thread(cards_html, tools, words)
        if not lab.can("jobs"):
            return drawn, marks.say(note(lab, words, "jobs"))
        schemas = [tools[name].schema for name in tools if name in names]
        asked = [{"role": "user", "content": text.strip() or "?"}]
        try:
            model = await asyncio.to_thread(chat_model, lab)
            with_tools = await asyncio.to_thread(lab.render, asked, model, tools=schemas)
            without = await asyncio.to_thread(lab.render, asked, model)
        except LabError as error:
            return drawn, marks.say(words.error(error), bad=True)
        return drawn, written_html(with_tools, without, words)

    opened.expand(show, [question, offered], [cards, written], **QUIET)
    offered.change(show, [question, offered], [cards, written], **QUIET)
    gr.on(
        [go.click, typed.submit],
        lambda text, name: hand_html(words, text, tools_in(name)),
        [typed, zone],
        told,
        js=f"(text) => [text, {ZONE}]",
        **QUIET,
    )


def cards_html(tools: Mapping[str, Tool], words: Words) -> str:
    """Draw a card per tool: its signature as Python has it, and the schema as JSON."""
    cards = []
    for name, tool in tools.items():
        signature = f"{name}{inspect.signature(tool.function)}"
        schema = json.dumps(tool.schema, ensure_ascii=False, indent=1)
        cards.append(
            f'<li class="tool-card"><h4>{escape(signature)}</h4>'
            f"<p>{escape(words(f'agents.tool_{name}'))}</p><details><summary>"
            f"{escape(words('agents.schema'))}</summary><pre>{escape(schema)}</pre></details></li>"
        )
    label = escape(words("agents.tools_title"))
    return f'<ul class="tool-cards" aria-label="{label}">{"".join(cards)}</ul>'


def written_html(with_tools: Prompt, without: Prompt, words: Words) -> str:
    """Draw the exact text that the template writes, and what the tools cost at every step."""
    n, base = len(with_tools.ids), len(without.ids)
    note = words("agents.cost", n=n, base=base, cost=n - base)
    return (
        marks.heading(words("agents.written"), words, "measured", note)
        + marks.plain(with_tools.text)
        + marks.plain(" ".join(map(str, with_tools.ids)), "src")
    )


def hand_html(words: Words, text: str, tools: Mapping[str, Tool]) -> str:
    """Check and run a call that was typed; say the verdict and the result."""
    if not text.strip():
        return marks.say()
    turn = checked(text, tools)
    verdict = words(f"agents.verdict_{turn.verdict}")
    if turn.verdict == "answer":
        return f'<div class="hand">{marks.say(words("agents.hand_not"), bad=True)}</div>'
    result, error = called(turn, tools)
    bad = " bad" if error else ""
    why = f"<span>{escape(words.error(error))}</span>" if error else ""
    return (
        f'<div class="hand" role="status"><span class="verdict{bad}">{escape(verdict)}</span>{why}'
        f'<span>{escape(words("agents.cell_result"))}: <span class="mono">{escape(result)}'
        "</span></span></div>"
    )
