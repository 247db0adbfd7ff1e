"""Chat templates of several manners, written by us, and what each makes of a list of messages.

The model's own template comes with its tokenizer; the others show what exists elsewhere: turns
between marks with a generation prompt, no system role, a later system message lost without a word,
and no template at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backend.errors import LabError
from backend.types import Message

if TYPE_CHECKING:
    from backend.models import LoadedModel

Manner = Literal["own", "marks", "no_system", "dropping", "none"]
MANNERS: tuple[Manner, ...] = ("own", "marks", "no_system", "dropping", "none")
ALTERNATE = (
    "{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{- raise_exception('Conversation roles must alternate user/assistant/user/...') -}}"
    "{%- endif -%}"
)
TEMPLATES: dict[str, str] = {
    "marks": (
        "{%- for m in messages -%}"
        "{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] | trim + '<|im_end|>\\n' -}}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
    ),
    "no_system": (
        "{%- if messages[0]['role'] == 'system' -%}"
        "{{- raise_exception('System role not supported') -}}"
        "{%- endif -%}"
        "{{- bos_token -}}"
        "{%- for m in messages -%}" + ALTERNATE +
        "{%- set name = 'model' if m['role'] == 'assistant' else 'user' -%}"
        "{{- '<turn ' + name + '>\\n' + m['content'] | trim + '</turn>\\n' -}}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- '<turn model>\\n' -}}{%- endif -%}"
    ),
    "dropping": (
        "{%- set first = messages[0]['role'] == 'system' -%}"
        "{%- for m in (messages[1:] if first else messages) -%}" + ALTERNATE +
        "{%- if m['role'] == 'user' -%}"
        "{%- set system = '<<SYS>>\\n' + messages[0]['content'] | trim + '\\n<</SYS>>\\n\\n' -%}"
        "{{- bos_token + '[INST] ' + (system if first and loop.first else '') -}}"
        "{{- m['content'] | trim + ' [/INST]' -}}"
        "{%- elif m['role'] == 'assistant' -%}"
        "{{- ' ' + m['content'] | trim + ' ' + eos_token -}}"
        "{%- endif -%}"
        "{%- endfor -%}"
    ),
    "none": (  # what is left without a template: names and colons
        "{%- for m in messages -%}"
        "{{- m['role'] | capitalize + ': ' + m['content'] | trim + '\\n' -}}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One token of a rendered prompt; `role` is empty where the template itself wrote it."""

    token_id: int
    piece: str
    role: str
    special: bool


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Messages as a template writes them, and the ids of that text with nothing added."""

    text: str
    spans: tuple[tuple[int, int, str], ...]  # (begin, end, role) of each content in the text
    pieces: tuple[Piece, ...]
    again: tuple[int, ...]  # the ids where the text goes through the tokenizer as a prompt does
    dropped: tuple[int, ...]  # messages whose content is nowhere in the text, from 0

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids, nothing added."""
        return tuple(piece.token_id for piece in self.pieces)


def render(
    loaded: "LoadedModel", messages: Sequence[Message], manner: Manner, *, generation_prompt: bool
) -> Rendered:
    """Write messages in a template's manner with a model's tokenizer. Raises LabError."""
    from jinja2 import TemplateError

    tokenizer = loaded.tokenizer
    own = tokenizer.chat_template
    with loaded.lock:
        try:
            text = str(
                tokenizer.apply_chat_template(
                    [dict(message) for message in messages],
                    chat_template=TEMPLATES.get(manner, own),
                    add_generation_prompt=generation_prompt,
                    tokenize=False,
                )
            )
        except TemplateError as error:
            raise refused(messages, str(error)) from None
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        again = tuple(tokenizer(text)["input_ids"])
        names = tokenizer.convert_ids_to_tokens(found["input_ids"])
        special = frozenset(tokenizer.all_special_ids)
    spans, dropped = contents(text, messages)
    pieces = tuple(
        Piece(
            token_id=token_id,
            piece=str(name),
            role=next((role for a, b, role in spans if a <= begin < b), ""),
            special=token_id in special,
        )
        for token_id, name, (begin, _) in zip(found["input_ids"], names, found["offset_mapping"])
    )
    return Rendered(text=text, spans=spans, pieces=pieces, again=again, dropped=dropped)


def contents(
    text: str, messages: Sequence[Message]
) -> tuple[tuple[tuple[int, int, str], ...], tuple[int, ...]]:
    """Find each message's content in a rendered text; return the spans, and which are missing."""
    spans, dropped, at = [], [], 0
    for i, message in enumerate(messages):
        content = message["content"].strip()
        begin = text.find(content, at)
        if begin < 0:
            dropped.append(i)
            continue
        at = begin + len(content)
        if content:
            spans.append((begin, at, message["role"]))
    return tuple(spans), tuple(dropped)


def refused(messages: Sequence[Message], reason: str) -> LabError:
    """Say which message a template refused, and which role it wants there."""
    if "ystem role" in reason and messages[0]["role"] == "system":
        return LabError(
            "template_no_system",
            f"the template has no system role: {reason}",
            "Put the system text at the head of the first user message",
            reason=reason,
        )
    turns = messages[1:] if messages[0]["role"] == "system" else messages
    for i, message in enumerate(turns):
        wanted = "assistant" if i % 2 else "user"
        if message["role"] != wanted:
            n = i + 1 + len(messages) - len(turns)
            return LabError(
                "template_order",
                f"message {n} has the role {message['role']}, {wanted} must stand there: {reason}",
                "Change its role, move it, or put one between",
                n=n,
                role=message["role"],
                wanted=wanted,
                reason=reason,
            )
    return LabError("template", f"the chat template refused the messages: {reason}", reason=reason)


def folded(messages: Sequence[Message]) -> list[Message]:
    """Put the system text at the head of the first user message: for a model without that role."""
    if not messages or messages[0]["role"] != "system":
        return list(messages)
    system, rest, done = messages[0]["content"].strip(), list[Message](), False
    for message in messages[1:]:
        if message["role"] == "user" and not done:
            message = {"role": "user", "content": f"{system}\n\n{message['content']}"}
            done = True
        rest.append(message)
    return rest


def library_says(loaded: "LoadedModel", messages: Sequence[Message]) -> str:
    """Return what the library answers where a tokenizer has no template; empty where it has one."""
    try:
        with loaded.lock:
            loaded.tokenizer.apply_chat_template([dict(m) for m in messages], tokenize=False)
    except ValueError as error:
        return f"ValueError: {error}"
    return ""
