"""What a system text is to the model: part of the first user turn, by training (errata 26)."""

import asyncio
from dataclasses import dataclass
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.personas import told
from backend.types import TokenRecord
from demo.events import QUIET
from demo.widgets import marks
from demo.widgets.chat_log import MODEL
from demo.widgets.fold import fold, table
from demo.widgets.persona_pair import REQUEST
from demo.words import Words


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came out of the three trials."""

    role: tuple[int, ...]  # ids with the line as a system message
    hand: tuple[int, ...]  # ids with the same written by hand at the head of the user's turn
    tag: list[TokenRecord]  # of [INST], without the start token
    second: LabError | None  # what a second system message brings, None where nothing


def prove(lab: Lab, line: str) -> Proof:
    """Render a line both ways, a second system message, and the tag alone. Raises LabError."""
    by_hand = f"<<SYS>>\n{line.strip()}\n<</SYS>>\n\n{REQUEST}"
    talk = told(line, REQUEST)
    again = [*talk, {"role": "assistant", "content": "Yes."}, {"role": "system", "content": line}]
    second = None
    try:
        lab.render(again, MODEL)
    except LabError as error:
        second = error
    return Proof(
        role=lab.render(talk, MODEL).ids,
        hand=lab.render(told("", by_hand), MODEL).ids,
        tag=[record for record in lab.tokenize("[INST]", MODEL) if not record.special],
        second=second,
    )


def system_role_panel(lab: Lab, words: Words, system: gr.Textbox) -> None:
    """Draw the panel; it takes the chat's system text apart."""
    with fold(words, "chat.role_title", "deep", "chat-role"):
        gr.Markdown(words("chat.role_what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("chat.role_go"), elem_id="chat-role-go")
        drawn = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-role-drawn")

    async def run(line: str) -> str:
        if not line.strip():
            return marks.say(words("chat.role_empty"), bad=True)
        try:
            found = await asyncio.to_thread(prove, lab, line)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return proof_html(found, words)

    go.click(run, system, drawn, **QUIET)


def proof_html(found: Proof, words: Words) -> str:
    """Each sentence of the course beside what comes out here."""
    same = found.role == found.hand
    pieces = " ".join(record.token for record in found.tag)
    rows = (
        ("folded", words(f"chat.role_folded_{'same' if same else 'other'}", n=len(found.role),
                         other=len(found.hand)), same),
        ("tag", words("chat.role_tag_found", n=len(found.tag), pieces=pieces), len(found.tag) > 1),
        ("second", words.error(found.second) if found.second else words("chat.role_second_none"),
         found.second is not None),
    )  # fmt: skip
    body = "".join(
        f'<tr><th scope="row">{escape(words(f"chat.role_{name}"))}</th>'
        f'<td class="{"yes" if holds else "no"}">{escape(said)}</td></tr>'
        for name, said, holds in rows
    )
    title = words("chat.role_result")
    return (
        marks.heading(title, words, "measured")
        + table(title, body, "grid says-what")
        + f"<p>{escape(words('chat.role_law'))}</p>"
    )
