"""The words whose probabilities a learner edits: assets/words.js draws them and their sum."""

from collections.abc import Mapping

import gradio as gr

from demo.ten_words import TEN_WORDS
from demo.words import Words

LONGEST = 40  # characters of a word
LABELS = ("word", "p", "sum", "sum_right", "sum_wrong", "running", "make_one", "reset")


def word_table(words: Words, elem_id: str) -> gr.HTML:
    """Make the table with the course's ten words. It triggers `input` with {rows: [[word, p]]}."""
    return gr.HTML(
        {
            "rows": [[word, p] for word, p in TEN_WORDS.items()],
            "words": {name: words(f"diversity.{name}") for name in LABELS},
            "title": words("diversity.step_given"),
        },
        html_template="<div></div>",
        js_on_load="window.lab.wordTable(element, props, trigger)",
        elem_id=elem_id,
    )


def read_words(rows: object) -> Mapping[str, float]:
    """Return what the table sent as word -> probability; blank words get a name. Same words add."""
    found: dict[str, float] = {}
    if isinstance(rows, list):
        for n, row in enumerate(rows[: len(TEN_WORDS)], start=1):
            word, p = row
            name = str(word).strip()[:LONGEST] or f"({n})"
            found[name] = found.get(name, 0.0) + float(p)
    return found
