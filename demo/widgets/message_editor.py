"""The messages a learner writes, moves, drops and adds: assets/templates.js draws them.

The truth is a hidden textbox, JSON of [role, content] pairs, which the page itself writes.
"""

import json
from collections.abc import Sequence

import gradio as gr

from backend.admission import ROLES
from backend.errors import LabError
from backend.types import Message
from demo.events import QUIET
from demo.words import Words

MOST = 10  # messages
LONGEST = 500  # characters of one
LABELS = ("role", "content", "up", "down", "drop", "add")


def message_editor(words: Words, messages: Sequence[Message], elem_id: str) -> gr.Textbox:
    """Draw the editor; return the box that holds the messages as JSON."""
    held = gr.Textbox(write_messages(messages), visible="hidden", elem_id=f"{elem_id}-held")
    editor = gr.HTML(
        value_of(words, messages),
        html_template="<div></div>",
        js_on_load=f"window.lab.messageEditor(element, props, watch, '{elem_id}-held')",
        elem_id=elem_id,
    )

    def redraw(text: str) -> object:
        try:
            return value_of(words, read_messages(text))
        except LabError:
            return gr.skip()

    held.change(redraw, held, editor, **QUIET)
    return held


def value_of(words: Words, messages: Sequence[Message]) -> dict[str, object]:
    """Return what the editor shows."""
    return {
        "messages": [[m["role"], m["content"]] for m in messages],
        "roles": list(ROLES[:3]),
        "most": MOST,
        "words": {name: words(f"template.editor_{name}") for name in LABELS},
    }


def write_messages(messages: Sequence[Message]) -> str:
    """Return the messages as the JSON the box holds."""
    return json.dumps([[m["role"], m["content"]] for m in messages], ensure_ascii=False)


def read_messages(text: str) -> list[Message]:
    """Return the messages of a JSON text. Raises LabError where there is none."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        rows = []
    found: list[Message] = [
        {"role": row[0], "content": row[1][:LONGEST]}
        for row in (rows if isinstance(rows, list) else [])[:MOST]
        if isinstance(row, list) and len(row) == 2 and row[0] in ROLES[:3]
        if isinstance(row[1], str)
    ]
    if not found:
        raise LabError("template_empty", "there is no message", "Add one")
    return found
