"""What a request is to an OpenAI-compatible server, and what its answer is to us. No connection.

The routes are `/v1/completions` for a text and `/v1/chat/completions` for messages, both streamed
as server-sent events (https://platform.openai.com/docs/api-reference). A server gives no token
ids: a step's `token_id` is negative, and agrees with that of its alternative. What it does not
give at all (probabilities after the filters, often those before) is NaN.
"""

import dataclasses
import json
import math
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field

from backend import token_records
from backend.openai_request import RECORDS
from backend.remote_logprobs import Given, from_chat, from_completion, step_of
from backend.types import FinishReason, Request, TokenStep

LONGEST_LINE = 4_000_000  # bytes of one event
# asked for again without, if refused
OPTIONAL = (RECORDS, "logprobs", "top_logprobs", "stream_options")


class Malformed(ValueError):
    """What came is no stream of JSON events."""


class WrongShape(Malformed):
    """An event is JSON, but not what the protocol says."""


def body(
    request: Request, model: str, *, extra: frozenset[str], without: frozenset[str]
) -> tuple[str, dict[str, object]]:
    """Return the route and the JSON of a request.

    `extra` are fields outside the protocol that this server takes, `without` those of `OPTIONAL`
    that it has refused. Greedy is temperature 0, the one way the protocol has to say it.
    """
    params, chat = request.params, not isinstance(request.prompt, str)
    fields: dict[str, object] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": params.max_new_tokens,
        "temperature": params.temperature if params.do_sample else 0,
        "top_p": params.top_p,
        "seed": params.seed,
    }
    if RECORDS in extra - without:
        fields[RECORDS] = params.num_alternatives
    elif chat:
        fields |= {"logprobs": True, "top_logprobs": params.num_alternatives}
    else:
        fields["logprobs"] = params.num_alternatives
    if chat:
        fields["messages"] = [message(m, i) for i, m in enumerate(request.prompt)]  # type: ignore[arg-type]  # messages
    else:
        fields["prompt"] = request.prompt
    if request.tools:
        fields["tools"] = list(request.tools)
    if params.num_return_sequences > 1:
        fields["n"] = params.num_return_sequences
    if params.stop:
        fields["stop"] = list(params.stop)
    fields |= {name: getattr(params, name) for name in extra - {RECORDS}}
    route = "/chat/completions" if chat else "/completions"
    return route, {name: value for name, value in fields.items() if name not in without}


def message(given: Mapping[str, str], index: int) -> dict[str, str]:
    """Return a message as the protocol has it: what a tool said belongs to a call."""
    call = {"tool_call_id": f"call_{index}"} if given["role"] == "tool" else {}
    return {**given, **call}


async def events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[list[object], None]:
    """Yield the JSON of the events of each chunk up to `[DONE]` or the end. Raises Malformed.

    Lines end at a line feed alone: U+2028 and its like stand unescaped inside JSON.
    """
    rest, done = b"", False
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise Malformed("an event without an end")
        found: list[object] = []
        for line in map(bytes.strip, lines):
            if line.startswith(b"data:"):
                data = line.removeprefix(b"data:").strip()
                if done := data == b"[DONE]":
                    break
                try:
                    found.append(json.loads(data))
                except (ValueError, RecursionError):
                    raise Malformed(f"not JSON: {data[:80]!r}") from None
            elif line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                raise Malformed(f"not an event: {line[:80]!r}")
        if found:
            yield found
        if done:
            return


@dataclass(kw_only=True)
class Row:
    """One sequence as far as it has come."""

    held: str = ""  # came, but may begin a stop string
    calls: dict[int, dict[str, str]] = field(default_factory=dict)  # of tools, being written
    touched: bool = False
    steps: int = 0  # so far in this answer
    finish_reason: FinishReason | None = None


class Reading:
    """Turns events into steps, row by row."""

    def __init__(self, request: Request) -> None:
        self.rows = [Row() for _ in range(request.params.num_return_sequences)]
        self._ids: list[list[int]] = [[] for _ in self.rows]  # of the steps that were returned
        self._stop = request.params.stop
        self.prompt_tokens = self.tokens = 0
        self.gave_logprobs, self.wrote_nothing = False, True

    @property
    def missing(self) -> int:
        """How many rows have not ended."""
        return sum(row.finish_reason is None for row in self.rows)

    @property
    def untouched(self) -> int:
        """How many rows the server has said nothing of."""
        return sum(not row.touched for row in self.rows)

    def again(self) -> None:
        """Read the same answer from its start: what was returned before is passed over."""
        self.rows = [Row() for _ in self.rows]

    def steps(self, events: Sequence[object]) -> list[TokenStep]:
        """Return the steps that events bring. Raises WrongShape.

        A row's end in an event of its own is put on the step before it, where that came with it;
        else it is a step without a token.
        """
        found: list[TokenStep] = []
        for event in events:
            try:
                new = self._steps(event)
            except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
                raise WrongShape(f"{type(error).__name__} in {str(event)[:80]}") from None
            for step in new:
                at = next((i for i in reversed(range(len(found))) if found[i].row == step.row), -1)
                if step.finish_reason and not step.piece and at >= 0:
                    text = found[at].text + step.text
                    found[at] = dataclasses.replace(
                        found[at], text=text, finish_reason=step.finish_reason
                    )
                else:
                    found.append(step)
        found = [step for step in found if self._is_new(step)]
        self.tokens += sum(bool(step.piece) for step in found)
        return found

    def _is_new(self, step: TokenStep) -> bool:
        row, ids = self.rows[step.row], self._ids[step.row]
        row.steps += 1
        if row.steps > len(ids):
            ids.append(step.token_id)
            return True
        if step.token_id != ids[row.steps - 1]:
            raise WrongShape("the same seed gave another text")
        return False

    def _steps(self, event: object) -> list[TokenStep]:
        if not isinstance(event, dict) or not isinstance(event["choices"], list):
            raise TypeError
        if usage := event.get("usage"):
            self.prompt_tokens = max(0, int(usage["prompt_tokens"]))
        return [step for choice in event["choices"] for step in self._choice(choice)]

    def _choice(self, choice: dict) -> list[TokenStep]:
        index = choice.get("index", 0)
        if not isinstance(index, int) or index < 0:
            raise ValueError
        row = self.rows[index]
        row.touched = True
        if row.finish_reason:  # it went past a stop string; the rest is nobody's
            return []
        if records := choice.get(RECORDS):
            written = [token_records.step_of(record, index) for record in records]
            row.finish_reason = written[-1].finish_reason
            self.gave_logprobs = True
            return written
        delta = choice.get("delta")
        if delta is None:
            text, given = choice["text"] or "", from_completion(choice.get("logprobs"))
        else:
            thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
            text, given = thought + (delta.get("content") or ""), from_chat(choice.get("logprobs"))
            for call in delta.get("tool_calls") or ():
                add_call(row.calls, call)
        if not isinstance(text, str):
            raise TypeError
        if reason := choice.get("finish_reason"):
            row.finish_reason = "length" if reason == "length" else "stop"
            text += "\n".join(map(call_text, row.calls.values()))
        self.gave_logprobs = self.gave_logprobs or bool(given)
        self.wrote_nothing = self.wrote_nothing and not text
        given = given or ([Given(text, math.nan)] if text else [])
        if not given and not reason:
            return []
        whole = "".join(one.token for one in given) == text
        parts = [one.token for one in given] if whole else [*[""] * (len(given) - 1), text]
        steps = [self._step(row, index, one, part) for one, part in zip(given, parts)]
        steps = steps[: next((i + 1 for i, s in enumerate(steps) if s.finish_reason), len(steps))]
        if reason and not (steps and steps[-1].finish_reason):
            last = steps.pop() if steps else step_of(index, Given("", math.nan), "", None)
            text = last.text + row.held  # no stop string came of it
            steps.append(dataclasses.replace(last, text=text, finish_reason=row.finish_reason))
        return steps

    def _step(self, row: Row, index: int, given: Given, text: str) -> TokenStep:
        """Cut the text at a stop string, hold back what may begin one. Servers differ in both."""
        text, row.held = row.held + text, ""
        if hits := [at for s in self._stop if (at := text.find(s)) >= 0]:
            row.finish_reason = "stop"
            return step_of(index, given, text[: min(hits)], "stop")
        longest = min(max(map(len, self._stop), default=1) - 1, len(text))
        for n in range(longest, 0, -1):
            if any(s.startswith(text[-n:]) for s in self._stop):
                text, row.held = text[:-n], text[-n:]
                break
        return step_of(index, given, text, None)


def add_call(calls: dict[int, dict[str, str]], part: dict) -> None:
    """Add a part of a tool call to the call it belongs to."""
    call = calls.setdefault(int(part.get("index", 0)), {"name": "", "arguments": ""})
    for name, piece in (part.get("function") or {}).items():
        if name in call:
            call[name] += piece or ""


def call_text(call: Mapping[str, str]) -> str:
    """Return a call as a model writes it, which is what the agent reads."""
    name = json.dumps(call["name"], ensure_ascii=False)
    return f'{{"name": {name}, "arguments": {call["arguments"] or "{}"}}}'
