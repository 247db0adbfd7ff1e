"""The Chatbot's messages: texts in, texts out, whatever it renders; and what a page has sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape

import gradio as gr

from backend.history import Turn, check_context, fitted
from backend.lab import Lab
from backend.types import Message, SamplingParams
from demo.words import Words

MODEL = "pocket-chat"  # what the tab speaks with
Log = list[dict]


@dataclass(kw_only=True)
class Talk:
    """What one open page has sent so far."""

    turns: list[Turn] = field(default_factory=list)
    number: int = 0  # of replies ever, so that the token strip knows a new one

    def send(self, turn: Turn, at: int) -> None:
        """Note the prompt of the turn with the number `at`, from 1; later ones are gone."""
        self.turns = [*self.turns[: at - 1], turn]
        self.number += 1

    @property
    def sent_again(self) -> bool:
        """True where the second prompt begins with the first: its ids, or its text without any."""
        given = [turn.prompt.ids or turn.prompt.text for turn in self.turns[:2]]
        return len(given) == 2 and given[1][: len(given[0])] == given[0]


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


def plain(history: Log) -> list[dict[str, str]]:
    """Return a log's messages with their texts as they were written."""
    return [{"role": m["role"], "content": as_text(m["content"])} for m in history]


def answered(history: Log) -> Log:
    """Return a log without the user's messages at its end that nobody has answered."""
    while history and history[-1]["role"] == "user":
        history = history[:-1]
    return history


def unanswered(history: Log) -> Log:
    """Return a log up to its last message of the user, empty where there is none."""
    while history and history[-1]["role"] != "user":
        history = history[:-1]
    return history


def turn_of(lab: Lab, messages: Sequence[Message], params: SamplingParams, context: object) -> Turn:
    """Return what is sent of a conversation, with room for the reply. Blocks; raises LabError."""
    if not lab.can("jobs"):  # whoever has the tokenizer counts, and refuses what does not fit
        return Turn(
            prompt=lab.sent(messages, MODEL),
            messages=tuple(messages),
            system=0,
            again=0,
            new=0,
            room=params.max_new_tokens,
            context=0,
            left_out=(),
            cut=0,
        )
    positions = check_context(context, lab.engine.model(MODEL).info.context)
    return fitted(
        lambda some: lab.render(some, MODEL),
        messages,
        room=params.max_new_tokens,
        context=positions,
    )


def chatbot(words: Words) -> gr.Chatbot:
    """Make the log: texts stay texts, and only the user's messages can be edited."""
    return gr.Chatbot(
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
