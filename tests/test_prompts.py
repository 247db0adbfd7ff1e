"""Instruction templates agree with str.format where both take them, and refuse in our words."""

import pytest

from backend.errors import LabError
from backend.prompts import Part, filled, parts, prompt, slots
from demo.words import LANGS, words

LAYOUT = "Please translate to Japanese: \nEnglish: {content}\nJapanese:"


@pytest.mark.parametrize(
    "template",
    [LAYOUT, "{content}", "no slot", "{{content}} and {content}", "{content}{content}", "}}{{", ""],
)
def test_filling_is_str_format(template: str) -> None:
    contents = {"content": "a {brace} stays text"}
    given = contents if "content" in slots(template) else {}
    assert prompt(template, given) == template.format(**contents)


def test_parts_are_fixed_text_and_slots() -> None:
    assert parts("a {x} b{{c}}") == (
        Part(text="a "),
        Part(text="{x}", slot="x"),
        Part(text=" b{c}"),
    )
    assert slots("{b}{a}{b}") == ("b", "a")
    assert filled("<{x}>", {"x": "1"})[1] == Part(text="1", slot="x")


@pytest.mark.parametrize(
    ("template", "contents", "code"),
    [
        ("{content} {more}", {"content": "x"}, "template_slot_missing"),
        ("{content}", {"content": "x", "more": "y"}, "template_slot_unknown"),
        ("{content", {"content": "x"}, "template_brace"),
        ("content}", {"content": "x"}, "template_brace"),
        ("{}", {"content": "x"}, "template_slot_name"),
        ("{0}", {"content": "x"}, "template_slot_name"),
        ("{content.__class__}", {"content": "x"}, "template_slot_name"),
        ("{content[0]}", {"content": "x"}, "template_slot_name"),
        ("{content!r}", {"content": "x"}, "template_slot_name"),
        ("{content:>20}", {"content": "x"}, "template_slot_name"),
        ("{content:{width}}", {"content": "x"}, "template_slot_name"),
    ],
)
def test_each_slip_has_its_own_error(template: str, contents: dict[str, str], code: str) -> None:
    with pytest.raises(LabError) as caught:
        prompt(template, contents)
    assert caught.value.code == code
    said = {lang: words(lang).error(caught.value) for lang in LANGS}
    assert said["en"] != said["ja"]
    assert all(str(caught.value.values["value"]) in text for text in said.values())
    assert not any("?" in text.replace("?)", "") for text in said.values())
