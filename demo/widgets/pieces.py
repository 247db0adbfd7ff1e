"""Long words in pieces, letters as bytes, and what the same sentence costs in each language."""

import asyncio
from collections.abc import Mapping, Sequence
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import TokenRecord
from demo.events import QUIET
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold, table
from demo.words import Words

TRIED = "Supercalifragilisticexpialidocious dragon 竜 🐉"  # the first is the course's, line 308
ENGLISH = "Once upon a time there was a dragon."
MOST_WORDS = 12


def pieces_panel(lab: Lab, words: Words, model: gr.Dropdown) -> None:
    """Draw the card."""
    with fold(words, "apart.pieces.title", "deep", "generate-pieces"):
        gr.Markdown(words("apart.pieces.what"))
        tried = gr.Textbox(
            TRIED, label=words("apart.pieces.tried"), elem_id="generate-pieces-tried"
        )
        with gr.Row():
            english = gr.Textbox(
                ENGLISH, label=words("apart.pieces.english"), elem_id="generate-pieces-en"
            )
            japanese = gr.Textbox(
                words("apart.pieces.sentence"),
                label=words("apart.pieces.japanese"),
                elem_id="generate-pieces-ja",
            )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("apart.pieces.go"), elem_id="generate-pieces-go")
        shown = gr.HTML(marks.say(), elem_id="generate-pieces-shown")
        gr.HTML(code_html("pieces_and_bytes", fill("pieces_and_bytes", {}), words))

    async def run(text: str, en: str, ja: str, name: str) -> str:
        try:
            parts = text.split()[:MOST_WORDS]
            found = [(part, await asyncio.to_thread(lab.tokenize, part, name)) for part in parts]
            counts = await asyncio.to_thread(costs, lab, en, ja)
            ids = [record.id for _, records in found for record in records]
            kept = await asyncio.to_thread(lab.decode, ids, skip_special_tokens=True, model=name)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return "<hr>".join((pieces_html(found, kept, words), costs_html(en, ja, counts, words)))

    gr.on(
        [go.click, tried.submit, english.submit, japanese.submit],
        run,
        [tried, english, japanese, model],
        shown,
        **QUIET,
    )


def pieces_html(
    found: Sequence[tuple[str, Sequence[TokenRecord]]], decoded: str, words: Words
) -> str:
    """Each word's pieces with their bytes; byte pieces are ringed."""
    rows, naive = "", ""
    for part, records in found:
        own = [record for record in records if not record.special]
        naive += "".join(record.token for record in own).replace("\u2581", " ")
        cells = "".join(
            f'<td class="{"byte" if record.token.startswith("<0x") else ""}">'
            f"{escape(record.token)}<br><small>{bytes(record.bytes).hex(' ').upper()}</small></td>"
            for record in own
        )
        size = words(
            "apart.pieces.size", chars=len(part), bytes=len(part.encode()), tokens=len(own)
        )
        rows += (
            f'<tr><th scope="row">{escape(part[:40])}<br><small>{escape(size)}</small></th>'
            f"{cells}</tr>"
        )
    title = words("apart.pieces.words")
    return (
        marks.heading(title, words, "measured")
        + table(title, rows)
        + f'<div class="src">{escape(words("apart.pieces.byte_note"))}</div>'
        + "<div class=\"src\"><code>''.join(pieces).replace('▁', ' ')</code></div>"
        + marks.plain(naive)
        + '<div class="src"><code>tokenizer.decode(ids)</code></div>'
        + marks.plain(decoded)
    )


def costs(lab: Lab, *sentences: str) -> dict[str, tuple[int, ...]]:
    """Return tokens per sentence, special ones apart, for every tokenizer at hand; blocks.

    At hand: those of the resident models, and those in the Hugging Face cache.
    """
    from tokenizers import Tokenizer

    from backend.hub_cache import tokenizer_files

    found = {
        model.model: tuple(
            sum(not record.special for record in lab.tokenize(text, model.model))
            for text in sentences
        )
        for model in lab.status().models
    }
    for name, path in tokenizer_files():
        if name not in found:
            tokenizer = Tokenizer.from_file(str(path))
            found[name] = tuple(
                len(tokenizer.encode(text, add_special_tokens=False).ids) for text in sentences
            )
    return found


def costs_html(
    english: str, japanese: str, counts: Mapping[str, Sequence[int]], words: Words
) -> str:
    """Characters, bytes and tokens of both sentences, and their ratio."""
    base = {
        words("apart.pieces.chars"): (len(english), len(japanese)),
        words("apart.pieces.bytes"): (len(english.encode()), len(japanese.encode())),
    }
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{en}</td><td>{ja}</td>'
        f"<td>{ja / max(en, 1):.2f}</td></tr>"
        for name, (en, ja) in (*base.items(), *counts.items())
    )
    heads = "".join(
        f'<th scope="col">{escape(text)}</th>'
        for text in (
            "",
            words("apart.pieces.english"),
            words("apart.pieces.japanese"),
            words("apart.pieces.ratio"),
        )
    )
    title = words("apart.pieces.costs")
    return (
        marks.heading(title, words, "measured")
        + table(title, f"<tr>{heads}</tr>{rows}")
        + f'<div class="src">{escape(words("apart.pieces.cost_note"))}</div>'
    )
