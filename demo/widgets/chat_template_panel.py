"""The chat template: messages in, a text with roles and its ids out, and what can go wrong."""

import asyncio
from collections.abc import Sequence
from html import escape

import gradio as gr

from backend.chat_templates import MANNERS, TEMPLATES, Manner, Rendered, folded
from backend.errors import LabError
from backend.lab import Lab
from backend.shots import COURSE, SYSTEM, as_turns
from backend.types import Message
from demo.events import QUIET
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold, table
from demo.widgets.message_editor import message_editor, read_messages, write_messages
from demo.words import Words

CHAT, BASE = "pocket-chat", "pocket-base"
ASKED = "Please translate to Japanese: Tell me a story about a dragon."
PLAIN: list[Message] = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": ASKED},
]
CASES: dict[str, list[Message]] = {
    "plain": PLAIN,
    "shots": as_turns(COURSE, "Tell me a story about a dragon."),
    "second": [*PLAIN, {"role": "system", "content": "You are a pirate."}],
    "order": [*PLAIN, {"role": "user", "content": "And in Kansai dialect?"}],
}
FIRST = 4  # ids shown of each way


def chat_template_panel(lab: Lab, words: Words) -> None:
    """Draw the panel."""
    with fold(words, "template.title", "core", "shots-template"):
        gr.Markdown(words("template.what"))
        case = gr.Radio(
            [(words(f"template.case_{name}"), name) for name in CASES],
            value="plain",
            label=words("template.case"),
            elem_id="shots-template-case",
        )
        held = message_editor(words, PLAIN, "shots-template-editor")
        manner = gr.Radio(
            [(words(f"template.manner_{name}"), name) for name in MANNERS],
            value=MANNERS[0],
            label=words("template.manner"),
            elem_id="shots-template-manner",
        )
        opened = gr.Checkbox(
            True, label=words("template.generation"), elem_id="shots-template-generation"
        )
        with gr.Row(elem_classes="tools"):
            fold_in = gr.Button(words("template.fold"), elem_id="shots-template-fold")
            go = gr.Button(words("template.go"), variant="primary", elem_id="shots-template-go")
        status = gr.HTML(marks.say(), elem_id="shots-template-status")
        view = gr.HTML(marks.say(words("inside.wait")), elem_id="shots-template-view")
        code = gr.HTML(elem_id="shots-template-code")

    async def show(text: str, how: Manner, with_prompt: bool) -> dict:
        from backend.chat_templates import library_says, render

        try:
            messages = read_messages(text)
            name = BASE if how == "none" else CHAT
            loaded = await asyncio.to_thread(lab.engine.model, name)
            found = render(loaded, messages, how, generation_prompt=with_prompt)
            library = library_says(loaded, messages) if how == "none" else ""
        except LabError as error:
            return {status: marks.say(words.error(error), bad=True), view: ""}
        told = notes(words, found, messages, how, library)
        return {
            status: marks.say(told, bad=bool(found.dropped)),
            view: rendered_html(words, found, how),
            code: snippet(messages, how, with_prompt),
        }

    def snippet(messages: Sequence[Message], how: Manner, with_prompt: bool) -> str:
        values = {
            "MODEL": model_value(BASE if how == "none" else CHAT),
            "MESSAGES": [dict(message) for message in messages],
            "TEMPLATE": TEMPLATES.get(how),
            "ADD_GENERATION_PROMPT": with_prompt,
        }
        return code_html("chat_template", fill("chat_template", values), words)

    inputs = [held, manner, opened]
    outputs = [status, view, code]
    case.input(lambda name: write_messages(CASES[name]), case, held, **QUIET)
    go.click(show, inputs, outputs, **QUIET)
    gr.on(
        [held.change, manner.change, opened.change], show, inputs, outputs,
        trigger_mode="always_last", **QUIET,
    )  # fmt: skip

    def fold_system(text: str) -> object:
        try:
            return write_messages(folded(read_messages(text)))
        except LabError:
            return gr.skip()

    fold_in.click(fold_system, held, held, **QUIET)
    code.value = snippet(PLAIN, "own", True)


def notes(
    words: Words, found: Rendered, messages: Sequence[Message], how: Manner, library: str
) -> str:
    """Say what happened that one does not see in the text."""
    said = [words(f"template.note_{how}")]
    for i in found.dropped:
        said.append(words("template.dropped", n=i + 1, role=messages[i]["role"]))
    if library:
        said.append(words("template.library", reason=library))
    return " ".join(said)


def rendered_html(words: Words, found: Rendered, how: Manner) -> str:
    """Draw the text with its roles coloured, its ids below, and the start token twice or once."""
    parts, at = [], 0
    for begin, end, role in found.spans:
        parts.append(escape(found.text[at:begin]))
        parts.append(f'<span class="{role}">{escape(found.text[begin:end])}</span>')
        at = end
    parts.append(escape(found.text[at:]))
    roles = " ".join(
        f'<span class="{role}">{escape(words(f"chat.role_{role}"))}</span>'
        for role in ("system", "user", "assistant")
    )
    chips = "".join(
        f'<li class="{" ".join(filter(None, (p.role, "sp" if p.special else "")))}">'
        f"<code>{escape(p.piece)}</code><span>{p.token_id}</span></li>"
        for p in found.pieces
    )
    special = sum(piece.special for piece in found.pieces)
    counts = words("template.counts", n=len(found.pieces), special=special)
    return (
        marks.heading(words("template.rendered"), words, "measured")
        + f'<div class="plain" tabindex="0">{"".join(parts)}</div><div class="roles">{roles}</div>'
        + marks.heading(words("template.ids", n=len(found.pieces)), words, "measured")
        + f'<ol class="ids" tabindex="0">{chips}</ol><div class="src">{escape(counts)}</div>'
        + (starts_html(words, found) if how in ("own", "dropping", "no_system") else "")
    )


def starts_html(words: Words, found: Rendered) -> str:
    """Draw the ids of the text given to the tokenizer again, beside the two repairs."""
    ways = (
        ("again", "tokenizer(text)", found.again),
        ("bare", "tokenizer(text, add_special_tokens=False)", found.ids),
        ("messages", "apply_chat_template(messages, tokenize=True)", found.ids),
    )
    heads = "".join(
        f'<th scope="col">{escape(words(f"template.start_{name}"))}</th>'
        for name in ("way", "count", "first")
    )
    rows = f"<tr>{heads}</tr>"
    for name, call, ids in ways:
        css = ' class="diff"' if ids != found.ids else ""
        first = " ".join(map(str, ids[:FIRST])) + " …"
        rows += (
            f'<tr><th scope="row">{escape(words(f"template.start_{name}"))}<br>'
            f"<code>{escape(call)}</code></th>"
            f"<td{css}>{len(ids)}</td><td{css}>{escape(first)}</td></tr>"
        )
    title = words("template.starts")
    says = escape(words("template.starts_says", n=len(found.ids), twice=len(found.again)))
    return (
        marks.heading(title, words, "measured")
        + table(title, rows, "grid starts")
        + f"<p>{says}</p>"
    )
