"""The examples a learner writes, moves, drops and adds: assets/shots.js draws them.

The truth is a hidden textbox, JSON of [English, Japanese] pairs, so that a link can hold it. The
page itself writes it: a button pressed right after an edit finds the edit.
"""

import json
from collections.abc import Sequence

import gradio as gr

from backend.shots import COURSE, MOST, Shot
from demo.events import QUIET
from demo.words import Words

LONGEST = 200  # characters of one side
LABELS = ("english", "japanese", "up", "down", "drop", "add", "course", "count")


def shot_editor(words: Words) -> gr.Textbox:
    """Draw the editor with the course's two examples; return the box that holds them as JSON."""
    held = gr.Textbox(write_shots(COURSE), visible="hidden", elem_id="shots-held")
    editor = gr.HTML(
        editor_value(words, COURSE),
        html_template="<div></div>",
        js_on_load="window.lab.shotEditor(element, props, watch, 'shots-held')",
        elem_id="shots-editor",
    )

    held.change(lambda text: editor_value(words, read_shots(text)), held, editor, **QUIET)
    return held


def editor_value(words: Words, shots: Sequence[Shot]) -> dict[str, object]:
    """Return what the editor shows."""
    return {
        "shots": pairs(shots),
        "course": pairs(COURSE),
        "most": MOST,
        "words": {name: words(f"shots.editor_{name}") for name in LABELS},
    }


def pairs(shots: Sequence[Shot]) -> list[list[str]]:
    """Return the examples as [English, Japanese] pairs."""
    return [[shot.english, shot.japanese] for shot in shots]


def write_shots(shots: Sequence[Shot]) -> str:
    """Return the examples as the JSON a link holds."""
    return json.dumps(pairs(shots), ensure_ascii=False)


def read_shots(text: str) -> tuple[Shot, ...]:
    """Return the examples of a JSON text as they are; what is none, from a broken link, goes."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return COURSE
    if not isinstance(rows, list):
        return COURSE
    return tuple(
        Shot(english=row[0][:LONGEST], japanese=row[1][:LONGEST])
        for row in rows[:MOST]
        if isinstance(row, list) and len(row) == 2 and all(isinstance(s, str) for s in row)
    )


def used_shots(text: str) -> tuple[Shot, ...]:
    """Return the examples that go into a prompt: each on one line, empty ones left out."""
    found = (
        Shot(english=" ".join(s.english.split()), japanese=" ".join(s.japanese.split()))
        for s in read_shots(text)
    )
    return tuple(s for s in found if s.english or s.japanese)
