"""The snippets of the samples half print what the tab shows for the same seed."""

import statistics
from pathlib import Path

import pytest

from backend.lab import Lab
from backend.types import SamplingParams
from demo.widgets.code_pane import fill, sampling_values
from demo.widgets.self_bleu_view import measure
from tests.test_snippets import run

pytestmark = pytest.mark.slow
PROMPT = "Tell me a story about a dragon."
PARAMS = SamplingParams(
    do_sample=True, temperature=0.9, top_p=0.8, seed=11, max_new_tokens=40, num_return_sequences=4
)


def test_self_bleu_prints_the_tabs_texts_and_readings(lab: Lab, tmp_path: Path) -> None:
    script = tmp_path / "self_bleu.py"
    values = {"PROMPT": PROMPT, "N": 4, **sampling_values(PARAMS)}
    script.write_text(fill("self_bleu", values), "utf-8")
    out = run(script)
    made = lab.generate(PROMPT, PARAMS)
    for text in (g.text.strip() for g in made):
        assert f"- {text}\n" in out
    found = measure(PROMPT, [g.text for g in made], [g.steps for g in made])
    for (removed, references), scores in found.scores.items():
        name = "prompt removed" if removed else "prompt kept"
        against = "all others" if references == "all" else "first other"
        assert f"{name}, {against}: mean {statistics.fmean(scores):.2f} (" in out


def test_the_seed_and_the_settings_say_what_the_tab_says(tmp_path: Path) -> None:
    for name, lines in (
        ("seed", ("the same: True", "list are the same: False", "they are: True")),
        ("effective", ("pipe: T 0.7, top_k 50, top_p 1.0", "generate: T 1.0, top_k 50")),
        ("several", ("list 3 x dict", "greedy: Greedy methods", "beam: ")),
    ):
        script = tmp_path / f"{name}.py"
        script.write_text(fill(name, {}), "utf-8")
        out = run(script)
        for line in lines:
            assert line in out, name
