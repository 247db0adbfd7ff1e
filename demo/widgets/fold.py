"""A card that opens, and a table that scrolls sideways by itself."""

from html import escape
from typing import Literal

import gradio as gr

from demo.words import Words


def fold(words: Words, title: str, level: Literal["core", "deep"], elem_id: str) -> gr.Accordion:
    """Make a closed card whose heading says whether it is core or deep."""
    label = f"{words(title)} · {words(f'level.{level}')}"
    return gr.Accordion(label, open=False, elem_classes="card fold", elem_id=elem_id)


def table(label: str, rows: str, css: str = "grid") -> str:
    """Wrap rows of HTML in a table that a keyboard can scroll."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="{css}">{rows}</table></div>'
    )
