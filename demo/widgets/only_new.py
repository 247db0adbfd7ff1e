"""Only the generated part: four ways to cut the prompt off, one of them wrong (errata 12)."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.personas import told
from backend.types import Prompt, SamplingParams, TokenStep
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.chat_log import MODEL
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold, table
from demo.widgets.persona_pair import REQUEST
from demo.words import Words

NEW = 40  # tokens


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to cut the prompt off: its name among the strings, its code, what it gives."""

    name: str
    code: str
    given: str
    right: bool


def ways(prompt: Prompt, new: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[Way]:
    """Return all four; `decode` leaves special tokens out, as everybody's does.

    The pipeline decodes the new ids alone and puts the prompt's own string before them
    (transformers 5), so both of its ways are right.
    """
    alone, whole = decode(new), decode((*prompt.ids, *new))
    rows = (
        ("flag", 'pipe(prompt, return_full_text=False)[0]["generated_text"]', alone),
        ("ids", "tokenizer.decode(ids[n:], skip_special_tokens=True)", alone),
        (
            "glued",
            'pipe(prompt)[0]["generated_text"][len(prompt):]',
            (prompt.text + alone)[len(prompt.text) :],
        ),
        (
            "decoded",
            "tokenizer.decode(ids, skip_special_tokens=True)[len(prompt):]",
            whole[len(prompt.text) :],
        ),
    )
    return [Way(name=n, code=c, given=g, right=g.strip() == alone.strip()) for n, c, g in rows]


def only_new_panel(lab: Lab, identity: Identity, words: Words, system: gr.Textbox) -> None:
    """Draw the panel; it asks the course's request with the chat's system text."""
    with fold(words, "chat.only_new_title", "core", "chat-only-new"):
        gr.Markdown(words("chat.only_new_what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("chat.only_new_go"), elem_id="chat-only-new-go")
        drawn = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-only-new-drawn")
        code = gr.HTML(code_html("only_new", fill("only_new", {}), words))

    async def run(line: str, request: gr.Request) -> tuple[object, object]:
        try:
            messages = told(line, REQUEST)
            prompt = await asyncio.to_thread(lab.render, messages, MODEL)
            params = SamplingParams(max_new_tokens=NEW)
            person = person_of(identity, request)
            steps: list[TokenStep] = []
            stream = lab.astream(
                messages, params, model=MODEL, person=person, operation="chat", patient=True
            )
            async with contextlib.aclosing(stream):
                async for step in stream:
                    steps.append(step)

            def decode(ids: Sequence[int]) -> str:
                return lab.decode(ids, skip_special_tokens=True, model=MODEL)

            found = await asyncio.to_thread(ways, prompt, [s.token_id for s in steps], decode)
            plain = await asyncio.to_thread(decode, prompt.ids)
        except LabError as error:
            return marks.say(words.error(error), bad=True), gr.skip()
        filled = {
            "MODEL": model_value(MODEL),
            "MESSAGES": [dict(m) for m in messages],
            "MAX_NEW_TOKENS": NEW,
        }
        return (
            ways_html(found, len(prompt.text), len(plain), words),
            code_html("only_new", fill("only_new", filled), words),
        )

    go.click(run, system, [drawn, code], **QUIET)


def ways_html(found: Sequence[Way], prompt: int, decoded: int, words: Words) -> str:
    """Draw each way with what it gives, and why one of them loses characters."""
    heads = "".join(
        f'<th scope="col">{escape(words(f"chat.way_{name}"))}</th>' for name in ("how", "given")
    )
    rows = ""
    for way in found:
        mark = "yes" if way.right else "no"
        rows += (
            f'<tr><th scope="row">{escape(words(f"chat.way_{way.name}"))}<br>'
            f"<code>{escape(way.code)}</code></th>"
            f'<td class="{mark}"><b>{escape(words(f"chat.way_{mark}"))}</b><br>'
            f"<code>{escape(way.given.strip() or words('chat.way_empty'))}</code></td></tr>"
        )
    title = words("chat.only_new_result")
    why = words("chat.only_new_why", prompt=prompt, decoded=decoded, lost=prompt - decoded)
    return (
        marks.heading(title, words, "measured")
        + table(title, f"<tr>{heads}</tr>{rows}", "grid says-what")
        + f"<p>{escape(why)}</p>"
    )
