"""The Diversity tab's snippets print what the tab shows for the same settings."""

import ast
import re
from pathlib import Path

import pytest

from backend.lab import Lab
from backend.next_token import NextTokens
from backend.sampling import passes, stages
from backend.types import SamplingParams
from demo.ten_words import TEN_WORDS
from demo.widgets.code_pane import fill
from demo.widgets.heat import heated, twin
from demo.widgets.steps_panel import ORDERS, PROMPT, Step, snippet
from tests.test_snippets import run

pytestmark = pytest.mark.slow
PARAMS = SamplingParams(do_sample=True, temperature=0.7, top_k=9, top_p=0.8, min_p=0.1)


def written(code: str, folder: Path) -> str:
    script = folder / "snippet.py"
    script.write_text(code, "utf-8")
    return run(script)


def test_filters_print_the_panels(tmp_path: Path) -> None:
    for order in ("library", "p_first", "heat_last"):
        code = snippet(Step(), "words", order, PARAMS)[1]
        out = written(code, tmp_path)
        printed = {
            line.split(" ", 1)[0]: ast.literal_eval(line[line.index("{") :])
            for line in out.splitlines()
            if "{" in line
        }
        for stage in stages(TEN_WORDS, PARAMS, order=ORDERS[order])[1:]:
            if stage.name in printed:
                want = {w: round(p, 3) for w, p in stage.probabilities.items() if p > 0}
                assert printed[stage.name] == pytest.approx(want, abs=0.0011)
        assert set(printed) == {"temperature", "top_k", "top_p", "min_p"}


def test_the_next_token_prints_the_panels(lab: Lab, tmp_path: Path) -> None:
    name, code = snippet(Step(), "model", "library", PARAMS)
    assert name == "next_token"
    out = written(code, tmp_path)
    found = NextTokens(lab)(PROMPT)
    for line, step in zip(
        [line for line in out.splitlines() if "[(" in line],
        [s for s in passes(found.logits, PARAMS) if s.name not in ("typical_p", "epsilon_cutoff")],
    ):
        pieces = ast.literal_eval(line[line.index("[") :])
        want = {found.pieces[i]: step.probs[i].item() for i in step.probs.topk(12).indices.tolist()}
        assert all(p == pytest.approx(want[piece], abs=0.0011) for piece, p in pieces)
        assert line.startswith(step.name)


def test_temperature_by_hand_prints_the_figure(tmp_path: Path) -> None:
    out = written(fill("temperature_by_hand", {"TEMPERATURE": 1.5}), tmp_path)
    given = list(TEN_WORDS.values())
    printed = {
        line.split(":", 1)[0]: list(ast.literal_eval(line[line.index("{") :]).values())
        for line in out.splitlines()
    }
    assert printed["right"] == printed["times 1000"] == pytest.approx(heated(given, 1.5), abs=6e-5)
    assert printed["logits times 3"] == pytest.approx(heated(given, 0.5), abs=6e-5)
    assert printed["twin"] == pytest.approx(twin(given, 1.5), abs=6e-5)


def test_the_three_kinds_are_the_labs_texts(lab: Lab, tmp_path: Path) -> None:
    out = written(fill("sampling_kinds", {}), tmp_path)
    prompt = "Tell me a story about a dragon."
    for kind, settings in (
        ("top-k", {"top_k": 3}),
        ("ancestral", {}),
        ("epsilon", {"epsilon_cutoff": 0.05}),
    ):
        params = SamplingParams(
            do_sample=True, num_return_sequences=3, max_new_tokens=30, seed=7, **settings
        )
        for made in lab.generate(prompt, params):
            assert f"{kind}: {prompt}{made.text}".rstrip() in out


def test_a_filter_of_ones_own_removes_two_words(tmp_path: Path) -> None:
    out = written(fill("own_filter", {}), tmp_path)
    numbers = re.search(r"ten words: (\[.*\])", out)
    assert numbers
    assert [p > 0 for p in ast.literal_eval(numbers[1])] == [True] * 8 + [False] * 2
