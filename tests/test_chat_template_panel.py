"""Chat templates: what each manner writes, what it refuses or drops, and the two start tokens."""

import ast
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.chat_templates import (
    MANNERS,
    TEMPLATES,
    Rendered,
    folded,
    library_says,
    render,
)
from backend.errors import LabError
from backend.lab import Lab
from backend.models import LoadedModel
from backend.over_a_set import Rate, answers
from backend.shots import COURSE, as_turns
from backend.types import Generation, Message, SamplingParams, TokenStep
from demo.widgets.chat_template_panel import CASES, PLAIN, notes, rendered_html
from demo.widgets.code_pane import fill, model_value
from demo.widgets.constrained_panel import DEFAULTS, KINDS, constraint_of
from demo.widgets.format_panel import ASKED, GREEDY, TRAP, prompts
from demo.widgets.message_editor import read_messages, write_messages
from demo.widgets.run_on_panel import remedies, remedies_html
from demo.words import words
from pocket.measure import format_items
from pocket.sentences import PAIRS
from tests.conftest import WEIGHTS
from tests.test_snippets import run

EN, JA = words("en"), words("ja")
SECOND = CASES["second"]


@pytest.fixture(scope="module")
def loaded(lab: Lab) -> LoadedModel:
    return lab.engine.model("pocket-chat")


def written(loaded: LoadedModel, messages: list[Message], manner: str) -> Rendered:
    return render(loaded, messages, manner, generation_prompt=True)  # type: ignore[arg-type]


def test_the_own_manner_is_what_the_engine_sends(lab: Lab, loaded: LoadedModel) -> None:
    for messages in (PLAIN, as_turns(COURSE, "I like the cat.")):
        found = written(loaded, messages, "own")
        sent = lab.render(messages, "pocket-chat")
        assert (found.text, found.ids) == (sent.text, sent.ids)


def test_the_text_given_again_has_one_start_token_more(loaded: LoadedModel) -> None:
    found = written(loaded, PLAIN, "own")
    start = loaded.tokenizer.bos_token_id
    assert found.again == (start, *found.ids)
    assert found.ids[0] == start != found.ids[1]
    tokenized = loaded.tokenizer.apply_chat_template(
        [dict(m) for m in PLAIN], tokenize=True, add_generation_prompt=True
    )
    assert tuple(tokenized["input_ids"]) == found.ids


def test_the_trap_of_the_exercise_is_one(lab: Lab) -> None:
    right = lab.render([{"role": "user", "content": ASKED}], "pocket-chat").ids
    trap = tuple(record.id for record in lab.tokenize(TRAP, "pocket-chat"))
    assert trap == (right[0], *right)
    mended = tuple(r.id for r in lab.tokenize(TRAP.removeprefix("<s>"), "pocket-chat"))
    assert mended == right


def test_the_mark_is_several_ordinary_tokens(loaded: LoadedModel) -> None:
    found = written(loaded, [{"role": "user", "content": "Hello."}], "own")
    mark = [p for p in found.pieces if not p.role]
    special = [p.piece for p in mark if p.special]
    assert special == ["<s>"]
    assert len([p for p in mark if not p.special]) > 4
    assert {p.role for p in found.pieces} == {"", "user"}


def test_the_generation_prompt_shows_where_a_template_uses_it(loaded: LoadedModel) -> None:
    ends = {"marks": "<|im_start|>assistant\n", "no_system": "<turn model>\n", "none": "Assistant:"}
    for manner in MANNERS:
        on, off = (
            render(loaded, PLAIN[1:], manner, generation_prompt=flag).text for flag in (True, False)
        )
        assert on == off + ends.get(manner, "")


def test_a_second_system_turn_is_dropped_or_refused(loaded: LoadedModel) -> None:
    found = written(loaded, SECOND, "dropping")
    assert found.dropped == (2,)
    assert "pirate" not in found.text
    assert "pirate" in written(loaded, SECOND, "marks").text
    assert EN("template.dropped", n=3, role="system") in notes(EN, found, SECOND, "dropping", "")
    with pytest.raises(LabError) as raised:
        written(loaded, SECOND, "own")
    assert (raised.value.code, raised.value.values["n"]) == ("template_order", 3)


def test_a_wrong_order_is_said_in_the_readers_words(loaded: LoadedModel) -> None:
    for manner in ("own", "dropping"):
        with pytest.raises(LabError) as raised:
            written(loaded, CASES["order"], manner)
        error = raised.value
        assert error.code == "template_order"
        assert error.values["wanted"] == "assistant"
        assert "3" in EN.error(error)
        assert "3番目" in JA.error(error)
        assert str(error.values["reason"]) in EN.error(error)


def test_no_system_role_is_mended_by_folding(loaded: LoadedModel) -> None:
    with pytest.raises(LabError) as raised:
        written(loaded, PLAIN, "no_system")
    assert raised.value.code == "template_no_system"
    mended = folded(PLAIN)
    assert [m["role"] for m in mended] == ["user"]
    assert mended[0]["content"] == f"{PLAIN[0]['content']}\n\n{PLAIN[1]['content']}"
    assert PLAIN[0]["content"] in written(loaded, mended, "no_system").text
    assert folded(mended) == mended


def test_without_a_template_the_library_says_so(lab: Lab, loaded: LoadedModel) -> None:
    base = lab.engine.model("pocket-base")
    assert "chat_template is not set" in library_says(base, PLAIN)
    assert library_says(loaded, PLAIN) == ""
    assert written(base, PLAIN, "none").text.startswith("System: ")


def test_what_is_written_is_escaped(loaded: LoadedModel) -> None:
    evil: list[Message] = [{"role": "user", "content": "<script>alert(1)</script>"}]
    for w in (EN, JA):
        drawn = rendered_html(w, written(loaded, evil, "own"), "own")
        assert "<script>" not in drawn
        assert "&lt;script&gt;" in drawn


def test_messages_survive_a_link_and_rubbish_does_not() -> None:
    assert read_messages(write_messages(SECOND)) == SECOND
    unread = ("9" * 5000, "[" * 100_000)  # not rows: too many digits, too deep
    for text in ("", "{}", "[]", '[["root", "x"]]', '[["user"]]', '[["user", 1]]', *unread):
        with pytest.raises(LabError):
            read_messages(text)


def test_the_four_ways_differ_as_they_should(lab: Lab) -> None:
    asked = prompts(lab, ["Where is the cat?"])
    template = lab.render(asked["template"][0], "pocket-chat")  # type: ignore[arg-type]
    twice = [r.id for r in lab.tokenize(asked["twice"][0], "pocket-chat")]  # type: ignore[arg-type]
    assert twice == [template.ids[0], *template.ids]
    assert asked["folded"][0][0]["role"] == "user"  # type: ignore[index]
    assert isinstance(asked["text"][0], str)


def test_every_default_constraint_can_be_read() -> None:
    assert {constraint_of(kind, DEFAULTS[kind][2]).kind for kind in KINDS} == set(KINDS)


def said(text: str, tokens: int) -> Generation:
    step = TokenStep(row=0, token_id=5, text="", piece="a", data=b"a", logprob=-0.1, prob=0.9)
    return Generation(text=text, steps=(step,) * tokens, finish_reason="length", prompt_tokens=0)


def test_a_remedy_is_right_only_where_nothing_is_left_over() -> None:
    pair = PAIRS[0]
    nothing, turns, _, cut, _ = found = remedies([pair])
    nothing.said[0] = said(f" {pair.japanese}\n\nPlease translate <b>", 9)
    turns.said[0] = said(f"Japanese: {pair.japanese}", 3)
    assert nothing.rate([pair]) == Rate(right=0, total=1)
    assert cut.rate([pair]) == Rate(right=1, total=1)
    assert turns.rate([pair]) == Rate(right=1, total=1)
    drawn = remedies_html(EN, found, [pair])
    assert "Please translate &lt;b&gt;" in drawn
    assert "<td>9.0</td>" in drawn


def test_stopping_and_constraining_hand_over_the_line_alone(lab: Lab) -> None:
    found = {remedy.name: remedy for remedy in remedies(PAIRS[:2])}
    for name in ("stop", "constraint", "cut"):
        remedy = found[name]
        for i, prompt in enumerate(remedy.prompts):
            [g] = lab.generate(
                prompt, remedy.params, model=remedy.model, constraint=remedy.constraint
            )
            remedy.said[i] = g
            assert "\n" not in remedy.handed(i)
    assert all(g.finish_reason == "stop" for g in found["constraint"].said.values())
    assert len(found["cut"].said[0].steps) > len(found["stop"].said[0].steps)


@pytest.mark.slow
def test_the_four_ways_agree_with_the_card(lab: Lab) -> None:
    lines = json.loads((WEIGHTS / "evaluation.json").read_text("utf-8"))
    names = {
        "template": "with the template",
        "twice": "two `<s>`",
        "folded": "system text folded into the turn by hand",
        "text": "without the template, system text before",
    }
    items = format_items(40)

    async def rate(asked: Sequence[str | Sequence[Message]]) -> Rate:
        right = 0
        async for found in answers(lab, asked, GREEDY, model="pocket-chat"):
            if found:
                right += found[1].text.strip().endswith(items[found[0]][1])
        return Rate(right=right, total=len(items))

    for way, asked in prompts(lab, [q for q, _ in items]).items():
        card = next(x for x in lines if (x["effect"], x["name"]) == ("chat format", names[way]))
        low, high = Rate(right=card["right"], total=card["total"]).interval
        mine = asyncio.run(rate(asked)).interval
        assert mine[0] <= high, way
        assert low <= mine[1], way


@pytest.mark.slow
def test_snippets_print_what_the_page_shows(lab: Lab, loaded: LoadedModel, tmp_path: Path) -> None:
    script = tmp_path / "constrained.py"
    for kind in ("choice", "json"):
        name, prompt, wish = DEFAULTS[kind]
        constraint = constraint_of(kind, wish)
        values = {"MODEL": model_value(name), "PROMPT": prompt, "PATTERN": constraint.pattern}
        script.write_text(fill("constrained", {**values, "MAX_NEW_TOKENS": 128}), "utf-8")
        [bound] = lab.generate(
            prompt, SamplingParams(max_new_tokens=128), model=name, constraint=constraint
        )
        assert bound.text.strip() in ast.literal_eval(run(script).split("constrained: ")[1])
    found = written(loaded, PLAIN, "marks")
    script.write_text(
        fill("chat_template", {"MESSAGES": PLAIN, "TEMPLATE": TEMPLATES["marks"]}), "utf-8"
    )
    out = run(script)
    assert found.text in out
    assert f"{len(found.again)} ids" in out
