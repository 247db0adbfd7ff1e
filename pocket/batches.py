"""From text to batches: ids, and labels that say which of them are learnt."""

import random
from collections.abc import Callable, Iterator

import torch
from tokenizers import Tokenizer

from pocket.corpus import document
from pocket.talks import Talk, talk
from pocket.tools import TOOLS, call_text

IGNORED = -100  # the label of a token that is read but not learnt
START, END = 1, 2
Labelled = tuple[list[int], list[int]]  # ids, labels


def pieces(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of a text without special tokens."""
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def documents(
    tokenizer: Tokenizer, r: random.Random, draw: Callable[[random.Random], str] = document
) -> Iterator[Labelled]:
    """Pre-training: every token of a document is learnt, its end too."""
    while True:
        ids = [START, *pieces(tokenizer, draw(r)), END]
        yield ids, ids


def talks(
    tokenizer: Tokenizer, r: random.Random, draw: Callable[[random.Random], Talk] = talk
) -> Iterator[Labelled]:
    """Tuning: requests are read, only the answers and the last end are learnt."""
    while True:
        drawn = draw(r)
        yield raw(tokenizer, drawn) if drawn.raw else turned(tokenizer, drawn)


def raw(tokenizer: Tokenizer, drawn: Talk) -> Labelled:
    """Without the chat format: a request, a blank line (or the open layout), the answer."""
    request, answer = (message["content"] for message in drawn.messages)
    gap = " " if request.endswith("\nJapanese:") else "\n\n"
    start = len(pieces(tokenizer, request)) + 1
    ids = [START, *pieces(tokenizer, f"{request}{gap}{answer}"), END]
    return ids, [IGNORED] * start + ids[start:]


def turned(tokenizer: Tokenizer, drawn: Talk) -> Labelled:
    """In the chat format: the ids that `apply_chat_template` gives (a test compares them)."""
    messages, ids, labels = drawn.messages, list[int](), list[int]()
    system = ""
    if messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    if drawn.tools:
        system += ("\n\n" if system else "") + tools_text()
    if system:
        system = f"<<SYS>>\n{system}\n<</SYS>>\n\n"
    for i, message in enumerate(messages):
        text = message["content"]
        if i % 2 == 0:
            lead = system if i == 0 else "Result: " if message["role"] == "tool" else ""
            new = [START, *pieces(tokenizer, f"[INST] {lead}{text} [/INST]")]
            ids += new
            labels += [IGNORED] * len(new)
            continue
        if calls := message.get("tool_calls"):
            function = calls[0]["function"]
            text = call_text(function["name"], function["arguments"])
        new = pieces(tokenizer, text)
        # the template puts a blank before the end of an earlier answer, as Llama-2's does;
        # what is generated has none, so only the last answer's end is learnt
        last = i == len(messages) - 1
        tail = [END] if last else [*pieces(tokenizer, f"{text} ")[len(new) :], END]
        ids += new + tail
        labels += new + (tail if last else [IGNORED] * len(tail))
    return ids, labels


def tools_text() -> str:
    """The list of tools as the chat template writes it."""
    lines = ["Tools:"]
    for tool in TOOLS:
        function = tool["function"]
        names = ", ".join(function["parameters"]["properties"])
        lines.append(f"{function['name']}({names}): {function['description']}")
    return "\n".join(lines)


def batches(
    stream: Iterator[Labelled], *, rows: int, length: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pack documents end to end into (rows, length) ids and labels."""
    ids, labels, size = list[int](), list[int](), rows * length
    while True:
        while len(ids) < size:
            more_ids, more_labels = next(stream)
            ids += more_ids
            labels += more_labels
        yield (
            torch.tensor(ids[:size]).view(rows, length),
            torch.tensor(labels[:size]).view(rows, length),
        )
        ids, labels = ids[size:], labels[size:]
