"""Chat: the whole history goes through a template at every turn (the course's 2.1 and 2.2)."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from html import unescape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import Message, TokenStep
from demo.endpoints import chat_messages, person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.settings_row import read, settings_row
from demo.widgets.template_view import template_html
from demo.widgets.token_strip import strip_value, token_strip
from demo.words import Words

SYSTEM = "You are a helpful assistant."  # the course's


@dataclass(kw_only=True)
class Talk:
    """What one open page has sent so far."""

    sent: list[tuple[int, ...]] = field(default_factory=list)  # the prompt's ids at each turn
    number: int = 0


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    talk = gr.State(Talk())
    title, lesson = words.lesson("chat")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"chat.predict_{n}"), n) for n in ("fewer", "same", "more")],
                    label=words("chat.predict"),
                    elem_id="chat-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="chat-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="chat-exercises"):
                first = exercise(words, "chat", 1)
                second = exercise(words, "chat", 2)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                system = gr.Textbox(
                    SYSTEM,
                    label=words("fields.system"),
                    lines=1,
                    max_lines=5,
                    elem_id="chat-system",
                )
                log = gr.Chatbot(
                    label=words("chat.log"),
                    show_label=False,
                    height=360,
                    elem_id="chat-log",
                    editable="user",
                    render_markdown=False,
                    sanitize_html=True,
                    allow_tags=False,
                    feedback_options=None,
                    buttons=["copy"],
                    layout="bubble",
                    placeholder=words("chat.placeholder"),
                )
                with gr.Row(elem_classes="ask"):
                    message = gr.Textbox(
                        label=words("fields.message"),
                        placeholder=words("chat.enter"),
                        lines=1,
                        max_lines=6,
                        elem_id="chat-message",
                    )
                    send = gr.Button(
                        words("chat.send"),
                        variant="primary",
                        elem_classes="go",
                        elem_id="chat-send",
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="chat-stop")
                with gr.Row(elem_classes="tools"):
                    retry = gr.Button(words("chat.retry"), size="sm", elem_id="chat-retry")
                    clear = gr.Button(words("chat.clear"), size="sm", elem_id="chat-clear")
                status = gr.HTML(marks.say(), elem_id="chat-status")
                settings = settings_row(lab, words, "chat", max_new_tokens=160)
                linked: Fields = {"system": system, **settings.fields}
                link_button(words, "chat", linked)
            with gr.Accordion(
                words("chat.inside"), open=False, elem_classes="card fold", elem_id="chat-inside"
            ):
                rendered = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-rendered")
            with gr.Accordion(
                words("chat.reply_tokens"),
                open=False,
                elem_classes="card fold",
                elem_id="chat-tokens",
            ):
                strip = token_strip(words, "chat-strip")
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(elem_id="chat-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("chat.recorded"), "prose"),
                        elem_id="chat-recorded",
                    )

    def snippet(messages: Sequence[Message], values: Sequence[object]) -> str:
        filled = {
            "MODEL": model_value("pocket-chat"),
            "MESSAGES": [dict(m) for m in messages],
            **sampling_values(read(*values)),  # type: ignore[arg-type]
        }
        return code_html("chat", fill("chat", filled), words)

    async def reply(
        t: Talk, history: list[dict], system_text: str, values: tuple, request: gr.Request
    ) -> AsyncIterator[dict]:
        """Answer the last user message of `history`; the history keeps what came when it ends."""
        try:
            params = read(*values)
            texts = [{"role": m["role"], "content": as_text(m["content"])} for m in history]
            messages = chat_messages(texts[-1]["content"], texts[:-1], system_text)
            yield {status: marks.say(words("waiting.start")), code: snippet(messages, values)}
            prompt = await asyncio.to_thread(lab.render, messages, "pocket-chat")
            t.number += 1
            turn = sum(m["role"] == "user" for m in messages)
            t.sent = [*t.sent[: turn - 1], prompt.ids]
            sent = [len(ids) for ids in t.sent]
            yield {rendered: template_html(prompt, messages, sent, words)}
            text, steps = "", list[TokenStep]()
            updates = lab.aupdates(
                messages,
                params,
                model="pocket-chat",
                person=person_of(identity, request),
                operation="chat",
            )
            async with contextlib.aclosing(updates):
                async for update in updates:
                    if update.waiting:
                        told = words(f"waiting.{update.waiting}", n=update.queue_position)
                        yield {status: marks.say(told)}
                        continue
                    steps.extend(update.steps)
                    text += "".join(step.text for step in update.steps)
                    yield {
                        log: [*history, bubble("assistant", text.strip())],
                        status: marks.say(words("generate.running", n=len(steps))),
                    }
            reason = words(f"reason.{steps[-1].finish_reason or 'cancelled'}")
            yield {
                status: marks.say(
                    words("chat.done", n=len(steps), prompt=len(prompt.ids), reason=reason)
                ),
                strip: strip_value(words, run=t.number, steps=steps),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def sent(
        t: Talk,
        history: list[dict],
        text: str,
        system_text: str,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        if not text.strip():
            yield {status: marks.say(words("chat.empty"), bad=True)}
            return
        history = [*history, bubble("user", text)]
        yield {log: history, message: ""}
        async for change in reply(t, history, system_text, values, request):
            yield change

    async def again(
        t: Talk, history: list[dict], system_text: str, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        """Answer the last user message once more."""
        while history and history[-1]["role"] != "user":
            history = history[:-1]
        if not history:
            yield {status: marks.say(words("chat.nothing"), bad=True)}
            return
        yield {log: history}
        async for change in reply(t, history, system_text, values, request):
            yield change

    async def edited(
        t: Talk,
        history: list[dict],
        system_text: str,
        event: gr.EditData,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        """Go on from an edited user message; what came after it goes."""
        at = event.index[0] if isinstance(event.index, (list, tuple)) else event.index
        history = [*history[:at], bubble("user", as_text(event.value))]
        yield {log: history}
        async for change in reply(t, history, system_text, values, request):
            yield change

    def cleared() -> tuple[Talk, list, str, str, dict]:
        waiting = marks.say(words("inside.wait"))
        return Talk(), [], marks.say(), waiting, strip_value(words)

    def predict(answer: str, t: Talk) -> str:
        lab.exercise("chat-predict", answer == "more")
        counts = " → ".join(str(len(ids)) for ids in t.sent) or "–"
        return marks.say(words("chat.reveal", ids=counts))

    def exercise_1(t: Talk) -> str:
        """The second prompt begins with the first one's ids."""
        right = len(t.sent) > 1 and t.sent[1][: len(t.sent[0])] == t.sent[0]
        hint = words("chat.exercise_1_not", n=len(t.sent))
        answer = " -> ".join(str(len(ids)) for ids in t.sent)
        return verdict(lab, words, "chat-1", right, hint, answer=answer)

    def exercise_2(history: list[dict]) -> str:
        """A reply in Japanese letters to a question in English."""
        replies = [
            as_text(b["content"])
            for a, b in itertools.pairwise(history)
            if a["role"] == "user" and as_text(a["content"]).isascii() and b["role"] == "assistant"
        ]
        found = [text for text in replies if any("\u3040" <= c <= "\u30ff" for c in text)]
        hint = words("chat.exercise_2_not")
        return verdict(lab, words, "chat-2", bool(found), hint, answer=next(iter(found), ""))

    outputs = [log, message, status, rendered, strip, code]
    given = [talk, log, system, *settings.values]
    asked = [talk, log, message, system, *settings.values]
    running = [
        gr.on([send.click, message.submit], sent, asked, outputs, **QUIET),
        retry.click(again, given, outputs, **QUIET),
        log.edit(edited, given, outputs, **QUIET),
    ]
    stopped = marks.say(words("reason.cancelled"))
    when_stopped(stop, running, lambda: stopped, [], [status])
    emptied = [talk, log, status, rendered, strip]
    clear.click(cleared, None, emptied, cancels=running, **QUIET)
    guess.input(predict, [guess, talk], reveal, **QUIET)
    first.check.click(exercise_1, talk, first.told, **QUIET)
    second.check.click(exercise_2, log, second.told, **QUIET)
    code.value = code_html("chat", fill("chat", {}), words)
    return linked


def as_text(content: object) -> str:
    """Return a Chatbot message's text: a string, or Gradio's list of blocks; not escaped."""
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = "".join(str(b.get("text", "")) for b in content if isinstance(b, dict))
    return unescape(str(content))


def shown(text: str) -> str:
    """Return a text as the Chatbot takes it: it renders HTML, cleaned, whatever it is told."""
    return re.sub(r"&(?=[#\w])", "&amp;", text).replace("<", "&lt;")


def bubble(role: str, text: str) -> dict[str, str]:
    """A message for the log."""
    return {"role": role, "content": shown(text)}
