"""Tools: search, calculator, clock or none; a call is a line of JSON (Schick et al., 2023)."""

import json
import random
from typing import Any

from pocket.facts import facts, passage
from pocket.sentences import some_pair
from pocket.stories import a, story
from pocket.voices import HELLO
from pocket.words import SUBJECTS

Messages = list[dict]


def tool(name: str, says: str, **parameters: str) -> dict:
    """Describe a tool as chat templates take it."""
    properties = {p: {"type": "string", "description": d} for p, d in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    function = {"name": name, "description": says, "parameters": schema}
    return {"type": "function", "function": function}


TOOLS = [
    tool("search", "finds facts", query="what to look for"),
    tool("calculator", "works out numbers", expression="such as 12*3"),
    tool("clock", "tells the time"),
]
CLOCK = ("What time is it?", "What time is it now?", "Please tell me the time.", "今何時ですか？")
OPERATORS = {"+": "plus", "-": "minus", "*": "times"}


def call(name: str, **arguments: str) -> dict:
    """An assistant's turn that calls a tool."""
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}


def call_text(name: str, arguments: dict[str, str]) -> str:
    """A call as the chat template writes it."""
    return f'{{"name": "{name}", "arguments": {json.dumps(arguments, ensure_ascii=False)}}}'


def asked(r: random.Random, kind: str, *, held: bool = False) -> Messages:
    """A request that needs the tool `kind` (or `none`), the call, its result and the answer."""
    if kind == "clock":
        time, request = f"{r.randint(0, 23)}:{r.randint(0, 59):02}", r.choice(CLOCK)
        said = f"{time}です。" if request == CLOCK[-1] else f"It is {time}."
        turns: list[Any] = [call("clock"), {"role": "tool", "content": time}, said]
    elif kind == "calculator":
        x, y, sign = r.randint(10, 999), r.randint(2, 99), r.choice(tuple(OPERATORS))
        term = f"{x}{sign}{y}"
        result = str({"+": x + y, "-": x - y, "*": x * y}[sign])
        request = r.choice((f"What is {term}?", f"{term}=?", f"What is {x} {OPERATORS[sign]} {y}?"))
        turns = [
            call("calculator", expression=term),
            {"role": "tool", "content": result},
            f"The answer is {result}.",
        ]
    elif kind == "search":
        ja = r.random() < 0.3
        told = facts(r, r.randint(1, 3), ja=ja, held=held)
        wanted = r.choice(told)
        request = wanted.question
        turns = [
            call("search", query=wanted.place),
            {"role": "tool", "content": passage(r, told, ja=ja)},
            wanted.sentence,
        ]
    else:
        pair, subject = some_pair(r), r.choice(tuple(SUBJECTS))
        request, said = r.choice(
            (
                (f"Please translate to Japanese: {pair.english}", pair.japanese),
                (f"Please paraphrase this sentence: {pair.english}", pair.paraphrase),
                (f"Tell me a story about {a(subject)}.", story(r, subject)),
                (r.choice(HELLO[:2]), "Hello. How can I help you?"),
                ("Thank you.", "You are welcome."),
            )
        )
        turns = [said]
    messages: Messages = [{"role": "user", "content": request}]
    for turn in turns:
        messages.append({"role": "assistant", "content": turn} if isinstance(turn, str) else turn)
    return messages
