"""The decoding snippets print what the tab shows for the same settings."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.beams import BeamParams, BeamStep
from backend.decoding import beam_search
from backend.lab import Lab
from backend.mbr import best_of, expected_utilities, utilities
from backend.types import SamplingParams
from demo.widgets.code_pane import SNIPPETS, fill, sampling_values

PROMPT = "Tell me a story about a cat."
pytestmark = pytest.mark.slow


def run(tmp_path: Path, name: str, values: dict[str, object]) -> str:
    script = tmp_path / f"{name}.py"
    script.write_text(fill(name, values), "utf-8")
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


def beams(lab: Lab, params: BeamParams) -> BeamStep:
    ids = lab.engine.model().encode(PROMPT)
    *_, last = lab.run(lambda loaded: beam_search(loaded, ids, params))
    assert isinstance(last, BeamStep)
    return last


@pytest.mark.parametrize("do_sample", [False, True])
def test_beams(lab: Lab, tmp_path: Path, do_sample: bool) -> None:
    params = BeamParams(
        num_beams=3, length_penalty=0.5, max_new_tokens=20, do_sample=do_sample, seed=5
    )
    sampling: dict[str, object] = {"do_sample": do_sample}
    sampling |= {"temperature": 1.0, "top_k": 0, "top_p": 1.0} if do_sample else {}
    values: dict[str, object] = {
        "PROMPT": PROMPT,
        "NUM_BEAMS": 3,
        "LENGTH_PENALTY": 0.5,
        "MAX_NEW_TOKENS": 20,
        "SEED": 5,
        "SAMPLING": sampling,
    }
    lines = run(tmp_path, "beam", values).splitlines()
    [greedy] = lab.generate(PROMPT, SamplingParams(max_new_tokens=20))
    assert (
        lines[0]
        == f"greedy: {lab.decode([s.token_id for s in greedy.steps], skip_special_tokens=True)!r}"
    )
    best = beams(lab, params).finished[0]
    score, text = lines[1].split(" ", 1)
    assert float(score) == pytest.approx(best.score, abs=2e-4)
    assert text == repr(lab.decode(best.ids, skip_special_tokens=True))


def test_scores_from_their_parts(lab: Lab, tmp_path: Path) -> None:
    params = BeamParams(num_beams=4, length_penalty=2.0, max_new_tokens=20)
    values: dict[str, object] = {
        "PROMPT": PROMPT, "NUM_BEAMS": 4, "LENGTH_PENALTY": 2.0, "MAX_NEW_TOKENS": 20
    }  # fmt: skip
    out = run(tmp_path, "beam_scores", values)
    found = re.findall(r"sum (\S+), (\d+) tokens, score (\S+), generate's (\S+)", out)
    for hypothesis, (total, n, score, given) in zip(
        beams(lab, params).finished, found, strict=True
    ):
        assert int(n) == len(hypothesis.ids)
        assert float(total) == pytest.approx(hypothesis.total, abs=2e-4)
        assert float(score) == pytest.approx(hypothesis.score, abs=2e-4)
        assert float(given) == pytest.approx(hypothesis.score, abs=2e-4)


def test_the_mbr_winner(lab: Lab, tmp_path: Path) -> None:
    params = SamplingParams(
        do_sample=True, temperature=1.0, seed=3, num_return_sequences=16, max_new_tokens=24
    )
    values = {"PROMPT": PROMPT, "USED": 6, **sampling_values(params)}
    out = run(tmp_path, "mbr", values)
    made = lab.generate(PROMPT, params)
    texts = [lab.decode([s.token_id for s in g.steps], skip_special_tokens=True) for g in made]
    winner = best_of(expected_utilities(utilities(texts), 6))
    likeliest = best_of([sum(s.logprob for s in g.steps) for g in made[:6]])
    assert f"MBR: sample {winner + 1}," in out
    assert f"most probable: sample {likeliest + 1}," in out
