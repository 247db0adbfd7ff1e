"""The Shots tab's own counts on the shipped models against the model card; its scripts' output."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.lab import Lab
from backend.over_a_set import Rate
from backend.shots import CONTENT, COURSE, as_text, as_turns
from backend.types import SamplingParams
from demo.widgets.base_chat_panel import MODELS, over_a_set, side_by_side
from demo.widgets.code_pane import SNIPPETS, fill, sampling_values
from demo.widgets.set_runs import run_groups
from demo.widgets.set_views import Row, apart
from demo.widgets.shots_over_a_set import BASE, GREEDY, ONE_LINE, rows_of, sentences
from demo.widgets.three_models import ASKED, PROMPTS, STAGES, as_given, moved
from tests.conftest import WEIGHTS
from tests.test_snippets import run

pytestmark = pytest.mark.slow


async def counted(lab: Lab, rows: Sequence[Row], params: object) -> None:
    async for _ in run_groups(lab, [r.group for r in rows], params, person=""):  # type: ignore[arg-type]
        pass


def of_the_card(effect: str, name: str) -> Rate:
    """A line of the model card, as it was measured when the weights were made."""
    lines = json.loads((WEIGHTS / "evaluation.json").read_text("utf-8"))
    found = next(one for one in lines if (one["effect"], one["name"]) == (effect, name))
    return Rate(right=found["right"], total=found["total"])


def test_examples_count_as_on_the_card(lab: Lab) -> None:
    rows = rows_of("models", COURSE, sentences(40))
    asyncio.run(counted(lab, rows, ONE_LINE))
    base = {row.detail: row.group.rate for row in rows if row.name == BASE}
    for n, rate in base.items():
        assert not apart(rate, of_the_card("few-shot on base", f"{n}-shot translation")), (n, rate)
    assert apart(base["0"], base["2"])


def test_turns_end_as_on_the_card(lab: Lab) -> None:
    rows = rows_of("form", COURSE, sentences(20))
    asyncio.run(counted(lab, rows, GREEDY))
    base, _, turns = (row.group for row in rows)
    assert not apart(turns.ended, of_the_card("few-shot as turns", "stops after one line"))
    assert not apart(turns.rate, of_the_card("few-shot as turns", "and is right"))
    assert apart(base.ended, turns.ended)


def test_prompts_are_obeyed_as_on_the_card(lab: Lab) -> None:
    groups = over_a_set(5)
    asyncio.run(counted(lab, [Row(name="", detail="", group=g) for g in groups], GREEDY))
    for model in MODELS:
        own = [g for g in groups if g.model == model]
        rate = Rate(right=sum(g.right for g in own), total=sum(len(g.said) for g in own))
        short = model.removeprefix("pocket-")
        assert not apart(rate, of_the_card("base against chat", f"{short} obeys the four prompts"))


def test_preference_moves_the_stories_as_on_the_card(lab: Lab) -> None:
    groups = moved(20)
    asyncio.run(counted(lab, [Row(name="", detail="", group=g) for g in groups], GREEDY))
    for group in groups:
        short = group.model.removeprefix("pocket-")
        if group.name == "happy":
            line = of_the_card("preference", f"{short}: drawn stories that end happily")
            assert not apart(group.rate, line)
    assert not apart(groups[-1].rate, of_the_card("preference", "dpo: translation kept"))


def test_the_snippets_print_what_the_page_shows(lab: Lab, tmp_path: Path) -> None:
    drawn_params = SamplingParams(
        do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=48
    )
    for name, model, prompt in (
        ("shots", "pocket-base", as_text(COURSE, CONTENT)),
        ("shots_turns", "pocket-chat", as_turns(COURSE, CONTENT)),
    ):
        script = tmp_path / f"{name}.py"
        script.write_text(fill(name, sampling_values(drawn_params)), "utf-8")
        [said] = lab.generate(prompt, drawn_params, model=model)  # type: ignore[arg-type]
        shown = run(script).rpartition("--- 2-shot\n")[2]
        assert shown.startswith(said.text.strip().partition("\n")[0].strip())


def test_the_other_scripts_say_what_the_panels_show(lab: Lab) -> None:
    shown = run(SNIPPETS / "three_stages.py")
    for model in STAGES:
        for request in PROMPTS:
            [said] = lab.generate(as_given(model, request), ASKED, model=model)
            assert said.text.strip() in shown
    shown = run(SNIPPETS / "base_against_chat.py")
    for group in side_by_side(0):
        for prompt in group.prompts:
            [said] = lab.generate(prompt, group.params, model=group.model)  # type: ignore[arg-type]
            assert said.text.strip().partition("\n")[0] in shown
