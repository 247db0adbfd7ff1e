"""A model name taken apart, and what the catalogue says where the name is silent (errata 29)."""

from html import escape

import gradio as gr

from backend.catalog import MODELS
from backend.model_names import name_parts, said_role
from demo.events import QUIET
from demo.widgets.fold import fold, table
from demo.widgets.marks import heading
from demo.words import Words

COURSE = "meta-llama/Llama-2-7b-chat-hf"


def name_panel(words: Words) -> None:
    """Draw the fold: one name in pieces, and the whole catalogue by name and by fact."""
    with fold(words, "shots.name_title", "core", "shots-name-fold"):
        gr.Markdown(words("shots.name_text"))
        name = gr.Dropdown(
            list(MODELS), value=COURSE, label=words("shots.name_pick"), elem_id="shots-name"
        )
        parts = gr.HTML(parts_html(words, COURSE), elem_id="shots-name-parts")
        gr.HTML(catalogue_html(words), elem_id="shots-catalogue")
    name.change(lambda picked: parts_html(words, picked), name, parts, **QUIET)


def parts_html(words: Words, name: str) -> str:
    """Draw each piece of a name with what it usually says."""
    pieces = "".join(
        f'<li><code>{escape(part.text)}</code><span class="what">'
        f"{escape(words(f'shots.part_{part.what}'))}</span></li>"
        for part in name_parts(name)
    )
    return f'<ul class="name-parts" aria-label="{escape(name)}">{pieces}</ul>'


def catalogue_html(words: Words) -> str:
    """Draw what every known name says about base or chat, and what is so."""
    heads = "".join(
        f'<th scope="col">{escape(words(f"shots.name_{key}"))}</th>'
        for key in ("column", "said", "kind")
    )
    rows = []
    for name, entry in MODELS.items():
        said = said_role(name)
        css = "" if said else ' class="odd"'
        told = words(f"shots.role_{said}") if said else words("shots.name_silent")
        kind = escape(words(f"shots.role_{entry.kind}"))
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td{css}>{escape(told)}</td>'
            f"<td>{kind}</td></tr>"
        )
    title = words("shots.name_table")
    return heading(title, words, "measured") + table(title, f"<tr>{heads}</tr>{''.join(rows)}")
