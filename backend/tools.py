"""Tools: typed functions, the schema that a model sees of them, and calls checked against it.

A call is data until `checked` finds a tool of that name with arguments of the schema's types; only
then `call` runs the function, with nothing but those arguments.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, cached_property
from typing import Literal, Protocol
from zoneinfo import ZoneInfo, available_timezones

from backend.calculator import calculate
from backend.errors import LabError
from backend.types import Schema
from backend.units import converted

LONGEST_CALL = 4000  # characters of JSON
LONGEST_RESULT = 1200  # characters that go back to the model
Verdict = Literal["answer", "ok", "bad_json", "unknown_tool", "bad_arguments"]


class Hit(Protocol):
    """What `search` reads of a hit of backend.retrieval."""

    @property
    def snippet(self) -> str:
        """Plain text."""


@dataclass(frozen=True)
class Tool:
    """A function whose name, types and docstring are what a model is told of it."""

    function: Callable[..., str]

    @property
    def name(self) -> str:
        """The name by which it is called."""
        return self.function.__name__

    @cached_property
    def schema(self) -> Schema:
        """What `apply_chat_template(tools=...)` gets, made from the function's types and text."""
        from transformers.utils import get_json_schema

        made: Schema = get_json_schema(self.function)
        return made

    @property
    def parameters(self) -> dict[str, str]:
        """The JSON type of each argument; all are required."""
        function: dict = self.schema["function"]  # type: ignore[assignment]  # a table of JSON
        return {n: p["type"] for n, p in function["parameters"]["properties"].items()}


def toolbox(
    *,
    find: Callable[[str], Sequence[Hit]],
    zone: tzinfo,
    now: Callable[[tzinfo], datetime] = datetime.now,
) -> dict[str, Tool]:
    """Return the tools by name. `find` searches, best hit first; the clock shows `zone`."""

    # in these docstrings every letter reaches the model, which was tuned on just these words
    def search(query: str) -> str:
        """finds facts

        Args:
            query: what to look for
        """
        hits = find(query)
        if not hits:
            raise LabError("tool_found_nothing", "nothing was found", value=query[:80])
        return hits[0].snippet

    def calculator(expression: str) -> str:
        """works out numbers

        Args:
            expression: such as 12*3
        """
        return calculate(expression)

    def clock() -> str:
        """tells the time"""
        time = now(zone)
        return f"{time.hour}:{time.minute:02}"

    def convert(value: float, unit: str, into: str) -> str:
        """converts units

        Args:
            value: how much
            unit: such as km
            into: such as mile
        """
        return converted(value, unit, into)

    return {f.__name__: Tool(f) for f in (search, calculator, clock, convert)}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a generated text is: an answer, a call that can be run, or a call that cannot."""

    verdict: Verdict
    name: str = ""
    arguments: Mapping[str, object] | None = None
    error: LabError | None = None


def checked(text: str, tools: Mapping[str, Tool]) -> Turn:
    """Read a model's own turn: a call is one JSON object and nothing else. Never raises.

    `<tool_call>` around it, as other models write, is taken off.
    """
    text = text.strip().removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    if not text.startswith("{"):
        return Turn(verdict="answer")
    try:
        if len(text) > LONGEST_CALL:
            raise ValueError(f"longer than {LONGEST_CALL} characters")
        call = json.loads(text)
    except (ValueError, RecursionError) as raised:
        reason = str(raised)[:120] or "nested too deeply"
        message = f"the call is not valid JSON: {reason}"
        return Turn(verdict="bad_json", error=LabError("call_json", message, value=reason))
    name, arguments = call.get("name"), call.get("arguments", {})
    if not isinstance(name, str) or name not in tools:
        known, shown = ", ".join(tools), str(name)[:40]
        message = f"there is no tool {shown!r}; there are {known}"
        error = LabError("call_tool", message, value=shown, allowed=known)
        return Turn(verdict="unknown_tool", name=shown, error=error)
    wanted = tools[name].parameters
    if not isinstance(arguments, dict) or set(arguments) != set(wanted):
        given = ", ".join(map(str, arguments)) if isinstance(arguments, dict) else "no object"
        error = _arguments(name, given[:80] or "none", ", ".join(wanted) or "none")
        return Turn(verdict="bad_arguments", name=name, error=error)
    for argument, kind in wanted.items():
        if not of_kind(arguments[argument], kind):
            shown = f"{argument} = {json.dumps(arguments[argument], ensure_ascii=False)[:60]}"
            error = _arguments(name, shown, f"{argument}: {kind}")
            return Turn(verdict="bad_arguments", name=name, arguments=arguments, error=error)
    return Turn(verdict="ok", name=name, arguments=arguments)


def _arguments(name: str, given: str, wanted: str) -> LabError:
    message = f"{name} got {given}, wanted {wanted}"
    return LabError("call_arguments", message, tool=name, value=given, allowed=wanted)


def of_kind(value: object, kind: str) -> bool:
    """True where a JSON value has a JSON type; NaN, infinity and bool are no numbers."""
    if kind == "number":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, str)


def called(turn: Turn, tools: Mapping[str, Tool]) -> tuple[str, LabError | None]:
    """Run a checked call; return its result, or `Error: ...` and what was wrong.

    A call that cannot be run is answered too, so that the model can mend it.
    """
    error = turn.error
    if turn.verdict == "ok":
        try:
            result = tools[turn.name].function(**(turn.arguments or {}))
            return result.strip() or "(empty)", None
        except LabError as refused:
            error = refused
    assert error is not None, "an answer calls nothing"
    return f"Error: {error.message}.", error


def zone_of(name: str) -> tzinfo | None:
    """Return a time zone by its IANA name, None where there is none of that name."""
    return ZoneInfo(name) if name in _zones() else None


def own_zone() -> tzinfo:
    """Return the server's time zone."""
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None, "an aware time has a zone"
    return zone


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
