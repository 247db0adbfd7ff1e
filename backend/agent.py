"""The agent: the model chooses a tool, the tool answers, the model goes on (Yao et al., 2023).

Only what the model generated in its own turn is read as a call. What a tool returns is never read;
it goes back as text, with the marks of the chat format taken apart, so that it is nobody's turn.
Tools get the arguments of the call and nothing else: no setting, no tool, no page.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from backend.errors import LabError
from backend.lab import Lab
from backend.tools import LONGEST_RESULT, Tool, Turn, called, checked
from backend.types import Message, Prompt, SamplingParams, StreamUpdate, TokenStep, ToolOutcome

MOST_STEPS = 5
LLAMA_MARKS = ("<<SYS>>", "<</SYS>>", "[INST]", "[/INST]")  # ordinary pieces, but the format's own
# look-alikes that no normaliser turns back
UNKNOWN_MARKS = ("<|", "|>", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>", *LLAMA_MARKS)
APART = str.maketrans({"<": "\u2039", ">": "\u203a", "[": "\u2045", "]": "\u2046", "|": "\u00a6"})


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One step of the loop, as far as it has come."""

    number: int  # from 1
    prompt: Prompt  # what the model was given
    steps: tuple[TokenStep, ...] = ()
    update: StreamUpdate = StreamUpdate()  # the last, which says what it waits for
    turn: Turn | None = None  # once the model's turn has ended
    result: str | None = None  # what the tool returned
    error: LabError | None = None  # why it could not
    injected: str | None = None  # what the model is given of it

    @property
    def text(self) -> str:
        """What the model generated in this step."""
        return "".join(step.text for step in self.steps).strip()


def marks_of(lab: Lab, model: str) -> tuple[str, ...]:
    """Return what a text must not contain to stay one text: special tokens and Llama's marks."""
    if not lab.can("jobs"):  # the tokenizer is elsewhere: what models' formats are written with
        return UNKNOWN_MARKS
    tokenizer = lab.engine.model(model).tokenizer
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    return tuple(sorted({*special, *LLAMA_MARKS} - {""}, key=len, reverse=True))


def as_text(text: str, marks: Sequence[str]) -> str:
    """Take the marks in a text apart, so that no part of it becomes a special token or a turn."""
    for mark in marks:
        apart = mark.translate(APART)
        text = text.replace(mark, apart if apart != mark else f"{mark[0]}\u200b{mark[1:]}")
    return text


async def lanes(
    lab: Lab,
    question: str,
    tools: Mapping[str, Tool],
    params: SamplingParams,
    *,
    most_steps: int,
    model: str = "",
    person: str = "",
) -> AsyncGenerator[Lane, None]:
    """Yield each step again as it grows; it ends with an answer or after `most_steps` turns.

    Closing it ends what runs. Raises LabError.
    """
    if not 1 <= most_steps <= MOST_STEPS:
        raise LabError(
            "out_of_range",
            f"steps must be in [1, {MOST_STEPS}], got {most_steps}",
            field="steps",
            value=most_steps,
            allowed=f"1 to {MOST_STEPS}",
        )
    messages: list[Message] = [{"role": "user", "content": question}]
    schemas = tuple(tool.schema for tool in tools.values())
    for number in range(1, most_steps + 1):
        prompt = await asyncio.to_thread(lab.sent, messages, model, tools=schemas)
        lane = Lane(number=number, prompt=prompt)
        yield lane
        updates = lab.aupdates(
            messages,
            params,
            model=model,
            person=person,
            tools=schemas,
            operation="agent",
            patient=number > 1,  # a loop that has begun is not broken off
        )
        async with contextlib.aclosing(updates):
            async for update in updates:
                lane = dataclasses.replace(
                    lane,
                    steps=(*lane.steps, *update.steps),
                    update=update,
                )
                yield lane
        turn = checked(lane.text, tools)
        lane = dataclasses.replace(lane, turn=turn)
        yield lane
        if turn.verdict == "answer":
            return
        result, error = await asyncio.to_thread(called, turn, tools)
        lab.tool_call(turn.name, outcome_of(turn, error))
        marks = await asyncio.to_thread(marks_of, lab, model)
        injected = as_text(result[:LONGEST_RESULT], marks)
        yield dataclasses.replace(lane, result=result, error=error, injected=injected)
        messages += [
            {"role": "assistant", "content": as_text(lane.text, marks)},
            {"role": "tool", "content": injected},
        ]


def outcome_of(turn: Turn, error: LabError | None) -> ToolOutcome:
    """Say in one of a few words how a call ended."""
    if turn.verdict == "answer" or turn.verdict == "ok":
        return "ok" if error is None else "failed"
    return turn.verdict
