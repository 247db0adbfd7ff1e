"""The Prompt tab's snippets print what the tab shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.instructions import CONTENT, COURSE
from backend.lab import Lab
from backend.prompts import prompt
from backend.types import SamplingParams
from demo.widgets import chain_of_thought, prompt_search_panel, success_panel
from demo.widgets.code_pane import SNIPPETS, fill
from demo.widgets.prompt_ask import MODELS, Chosen
from demo.words import words
from pocket.measure import sum_problems
from tests.test_instructions import run

FOUR = [prompt(one, {"content": CONTENT}) for one in COURSE]


def output(tmp_path: Path, code: str) -> str:
    script = tmp_path / "snippet.py"
    script.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=SNIPPETS.parent.parent,
        capture_output=True,
        text=True,
        timeout=300,  # beside other work; test_snippets holds each as it stands to its minute
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_constants_on_several_lines_are_filled() -> None:
    code = fill("prompts", {"PROMPTS": ["a"], "MODEL": "m"})
    assert "PROMPTS = ['a']\nSAMPLING = {" in code
    assert "dragon" not in code
    assert "MODEL = 'm'\n" in code


@pytest.mark.slow
def test_a_list_of_prompts(lab: Lab, tmp_path: Path) -> None:
    lines = output(tmp_path, fill("prompts", {})).splitlines()
    assert lines[0] == "list of list of dict"
    for text, line in zip(FOUR, lines[1:], strict=True):
        [made] = lab.generate(text, SamplingParams(max_new_tokens=40))
        assert eval(line).replace(" ", "") == (text + made.text).replace(" ", "")


@pytest.mark.slow
def test_templates_on_both_models(lab: Lab, tmp_path: Path) -> None:
    out = output(tmp_path, fill("templates", {"CONTENTS": [CONTENT]}))
    for model, folder in zip(MODELS, ("base", "chat")):
        for text in FOUR:
            [made] = lab.generate(text, SamplingParams(max_new_tokens=40), model=model)
            assert f"pocket/weights/{folder}: {text!r} -> {made.text.strip()!r}" in out
    assert "KeyError 'more'" in out
    assert "ValueError" in out


@pytest.mark.slow
def test_success_over_seeds(lab: Lab, tmp_path: Path) -> None:
    chosen = Chosen(templates=COURSE[:1], contents=(CONTENT,), others={})
    _, chat, _ = success_panel.groups_of(chosen, "seeds", 10, 1.0, words("en"))
    run(lab, [chat], SamplingParams())
    out = output(tmp_path, success_panel.snippet_code(chosen, 10, 1.0))
    assert f"\n{chat.rate.right} of 10, " in out
    for seed in range(10):
        first = (chat.said[seed].text.strip().splitlines() or [""])[0]
        assert f"seed {seed}: {first}" in out


@pytest.mark.slow
@pytest.mark.parametrize("ja", [False, True])
def test_thinking_step_by_step(lab: Lab, tmp_path: Path, ja: bool) -> None:
    problems = sum_problems(6, ja=ja)
    wishes = ("", chain_of_thought.WORKED_JA if ja else chain_of_thought.WORKED)
    groups = chain_of_thought.groups_of(problems, wishes, words("en"))
    run(lab, groups, chain_of_thought.GREEDY)
    out = output(tmp_path, chain_of_thought.snippet_code(problems, wishes))
    for wish, group in zip(wishes, groups):
        assert f"{wish!r}: {group.rate.right} of 6" in out
    assert groups[1].said[0].text.strip() in out


@pytest.mark.slow
def test_the_search(lab: Lab, tmp_path: Path) -> None:
    search = prompt_search_panel.search_of("paraphrase", MODELS[0], COURSE[0])
    tried = [search.group(one, search.dev) for one in search.candidates]
    run(lab, tried, prompt_search_panel.GREEDY)
    out = output(tmp_path, prompt_search_panel.snippet_code(search))
    counts = re.findall(r"^dev (\d+) of \d+: ", out, re.M)
    assert list(map(int, counts)) == [group.rate.right for group in tried]
    assert re.search(r"^best .*: test \d+ of \d+$", out, re.M)
