"""Tools: the schema a model sees, calls checked against it, and results that are never silent."""

import datetime
import json
import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest

from backend.errors import LabError
from backend.lab import Lab
from backend.tools import LONGEST_CALL, Tool, called, checked, toolbox, zone_of
from backend.units import UNITS, converted
from demo.words import LANGS, words
from pocket.tools import TOOLS


@dataclass(frozen=True)
class Hit:
    snippet: str


NOON = datetime.datetime(2025, 6, 1, 3, 5, tzinfo=datetime.UTC)


def box(*snippets: str, zone: str = "Asia/Tokyo") -> dict[str, Tool]:
    return toolbox(
        find=lambda query: [Hit(s) for s in snippets],
        zone=ZoneInfo(zone),
        now=lambda zone: NOON.astimezone(zone),
    )


def call(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def test_the_template_writes_what_the_model_was_tuned_on(lab: Lab) -> None:
    ours = [tool.schema for name, tool in box().items() if name != "convert"]
    messages = [{"role": "user", "content": "What is 1+1?"}]
    assert lab.render(messages, tools=ours) == lab.render(messages, tools=TOOLS)
    assert "calculator(expression): works out numbers" in lab.render(messages, tools=ours).text


def test_schemas_come_from_the_types() -> None:
    assert box()["convert"].parameters == {"value": "number", "unit": "string", "into": "string"}
    assert box()["clock"].parameters == {}
    for tool in box().values():
        json.dumps(tool.schema)


@pytest.mark.parametrize(
    ("text", "verdict", "result"),
    [
        (call("calculator", expression="12*34"), "ok", "408"),
        (call("search", query="Zorva"), "ok", "The capital of Zorva is Bel."),
        (call("clock"), "ok", "12:05"),
        ('{"name": "clock"}', "ok", "12:05"),
        (call("convert", value=1, unit="mile", into="m"), "ok", "1609.344"),
        (f"<tool_call>\n{call('clock')}\n</tool_call>", "ok", "12:05"),
    ],
)
def test_calls_are_run(text: str, verdict: str, result: str) -> None:
    tools = box("The capital of Zorva is Bel.")
    turn = checked(text, tools)
    assert turn.verdict == verdict
    assert called(turn, tools) == (result, None)


@pytest.mark.parametrize("text", ["It is 12:05.", "", 'I call {"name": "clock"}.', "[1]", "null"])
def test_an_answer_calls_nothing(text: str) -> None:
    assert checked(text, box()).verdict == "answer"


@pytest.mark.parametrize(
    ("text", "verdict", "code"),
    [
        ('{"name": "clock", "arguments": {}', "bad_json", "call_json"),
        (call("clock") + " Now.", "bad_json", "call_json"),
        ("{" * 3000, "bad_json", "call_json"),
        ('{"a":' * 700 + "1", "bad_json", "call_json"),
        ('{"a":' + "[" * 3000, "bad_json", "call_json"),
        (call("calculator", expression="1" * LONGEST_CALL), "bad_json", "call_json"),
        ("{}", "unknown_tool", "call_tool"),
        (call("shell", command="ls"), "unknown_tool", "call_tool"),
        ('{"name": ["clock"]}', "unknown_tool", "call_tool"),
        (call("__class__"), "unknown_tool", "call_tool"),
        (call("calculator"), "bad_arguments", "call_arguments"),
        (call("calculator", expression=3), "bad_arguments", "call_arguments"),
        (call("calculator", expression="1", zone="x"), "bad_arguments", "call_arguments"),
        (call("clock", zone="UTC"), "bad_arguments", "call_arguments"),
        ('{"name": "clock", "arguments": []}', "bad_arguments", "call_arguments"),
        ('{"name": "clock", "arguments": "x"}', "bad_arguments", "call_arguments"),
        (call("convert", value=True, unit="m", into="m"), "bad_arguments", "call_arguments"),
        (call("convert", value=math.nan, unit="m", into="m"), "bad_arguments", "call_arguments"),
        (call("convert", value=math.inf, unit="m", into="m"), "bad_arguments", "call_arguments"),
    ],
)
def test_what_cannot_be_run_is_told_to_the_model(text: str, verdict: str, code: str) -> None:
    turn = checked(text, box())
    assert (turn.verdict, turn.error and turn.error.code) == (verdict, code)
    result, error = called(turn, box())
    assert error is turn.error is not None
    assert result == f"Error: {error.message}."
    for lang in LANGS:
        assert "?" not in words(lang).error(error)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (call("calculator", expression="9**9**9"), "calculator_large"),
        (call("calculator", expression="__import__('os')"), "calculator_syntax"),
        (call("search", query="Nowhere"), "tool_found_nothing"),
        (call("convert", value=1, unit="m", into="parsec"), "unit_unknown"),
        (call("convert", value=1, unit="m", into="kg"), "unit_kinds"),
        (call("convert", value=10**1000, unit="m", into="inch"), "calculator_large"),
    ],
)
def test_a_tools_own_error_comes_back_as_a_result(text: str, code: str) -> None:
    turn = checked(text, box())
    assert turn.verdict == "ok"
    result, error = called(turn, box())
    assert error is not None
    assert error.code == code
    assert result == f"Error: {error.message}."
    for lang in LANGS:
        assert words(lang).has(f"errors.{code}")


def test_a_tool_that_was_not_offered_is_unknown() -> None:
    offered = {name: tool for name, tool in box().items() if name == "clock"}
    assert checked(call("calculator", expression="1"), offered).verdict == "unknown_tool"


@pytest.mark.parametrize(
    ("value", "unit", "into", "said"),
    [
        (10, "km", "mile", "6.21371192237 (rounded)"),
        (12, "inch", "foot", "1"),
        (32, "F", "C", "0"),
        (-40, "C", "F", "-40"),
        (0, "K", "C", "-273.15"),
        (1, "pound", "g", "453.59237"),
        (0.1, "km", "m", "100"),
    ],
)
def test_units(value: float, unit: str, into: str, said: str) -> None:
    assert converted(value, unit, into) == said


def test_every_unit_has_one_of_its_kind() -> None:
    for unit in UNITS:
        assert converted(1, unit, unit) == "1"
    with pytest.raises(LabError):
        converted(1, "m", "C")


def test_zones() -> None:
    assert zone_of("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")
    for wrong in ("", "../../etc/passwd", "Asia", "Nowhere/Here", "a\x00b"):
        assert zone_of(wrong) is None
