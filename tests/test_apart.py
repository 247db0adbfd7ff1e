"""Lists, start tokens, padding and the course's sentences: as the library itself does."""

import ast
import math
import shutil
from pathlib import Path
from typing import TypeVar

import pytest

from backend.catalog import MODELS
from backend.hub_cache import tokenizer_files
from backend.lab import Lab
from backend.types import SamplingParams
from demo.widgets.ends import LIMITS, SUM
from demo.widgets.lists import PROMPTS, box
from demo.widgets.pieces import costs
from tests.test_snippets import SNIPPETS, run

TEXT = PROMPTS[0]
Kind = TypeVar("Kind")


def only(lab: Lab, job: object, kind: type[Kind]) -> Kind:
    [found] = [result for result in lab.run(job) if isinstance(result, kind)]  # type: ignore[arg-type]
    return found


def test_a_list_is_run_one_by_one_and_a_batch_only_with_padding(lab: Lab) -> None:
    from backend.list_runs import NEW_TOKENS, ListRun, list_job

    alone = only(lab, list_job(PROMPTS, None), ListRun)
    lengths = [len(lab.tokenize(prompt)) for prompt in PROMPTS]
    assert [shape for shape in alone.shapes if shape[1] > 1] == [(1, n) for n in lengths]
    assert len(alone.shapes) == NEW_TOKENS * len(PROMPTS)
    assert [len(answers) for answers in alone.output] == [1, 1, 1]
    for prompt, [answer] in zip(PROMPTS, alone.output):
        [made] = lab.generate(prompt, SamplingParams(max_new_tokens=NEW_TOKENS))
        text = answer["generated_text"]
        assert text.startswith(prompt)
        # the pipeline decodes the new ids alone, which drops a blank at their start
        assert text.removeprefix(prompt).lstrip() == made.text.lstrip()
    refused = only(lab, list_job(PROMPTS, 2), ListRun)
    assert "pad_token" in refused.refusal
    assert refused.output is None
    padded = only(lab, list_job(PROMPTS, 2, padded=True), ListRun)
    assert padded.shapes[0] == (2, max(lengths[:2]))
    assert padded.output == alone.output
    assert lab.engine.model().tokenizer.pad_token is None  # the shared tokenizer is as it was


def test_with_pipeline_and_without_the_ids_are_the_same(lab: Lab) -> None:
    from backend.list_runs import NEW_TOKENS, BothWays, both_ways_job

    found = only(lab, both_ways_job(TEXT), BothWays)
    assert found.pipeline == found.generate
    [made] = lab.generate(TEXT, SamplingParams(max_new_tokens=NEW_TOKENS))
    assert found.generate[-NEW_TOKENS:] == tuple(step.token_id for step in made.steps)


def test_a_lists_hooks_do_not_see_other_peoples_steps(lab: Lab) -> None:
    from backend.list_runs import ListRun, list_job

    stream = lab.stream(TEXT, SamplingParams(max_new_tokens=200))
    next(stream)
    found = only(lab, list_job(PROMPTS, None), ListRun)
    stream.close()  # type: ignore[attr-defined]
    assert len(found.shapes) == 9
    assert not lab.engine.model().model._forward_pre_hooks


def test_the_manual_path_lacks_one_id_and_has_another_distribution(lab: Lab) -> None:
    from backend.start_token import StartToken, start_token_job

    found = only(lab, start_token_job(TEXT), StartToken)
    assert found.whole.ids == tuple(record.id for record in lab.tokenize(TEXT))
    assert found.whole.ids[1:] == found.by_hand.ids
    assert 0.001 < found.distance <= 1
    [made] = lab.generate(TEXT, SamplingParams(max_new_tokens=12))
    assert found.whole.continuation.strip() == made.text.strip()
    first = made.steps[0]
    assert found.whole.probabilities[first.token_id] == pytest.approx(
        math.exp(first.logprob), abs=1e-4
    )
    for lane in (found.by_hand, found.whole):
        assert 0 < sum(lane.probabilities.values()) <= 1.0001


def test_padding_changes_nothing_under_its_mask(lab: Lab) -> None:
    from backend.padding import Padded, padding_job

    found = only(lab, padding_job(PROMPTS[:2]), Padded)
    lengths = [len(lab.tokenize(prompt)) for prompt in PROMPTS[:2]]
    assert [sum(row) for row in found.mask] == lengths
    short = lengths.index(min(lengths))
    assert found.mask[short][: max(lengths) - min(lengths)] == (0,) * (max(lengths) - min(lengths))
    assert found.with_mask < 1e-4
    assert found.all_ones > 100 * found.with_mask


def test_the_courses_sentences_are_tried(lab: Lab) -> None:
    from backend.course_claims import Trial, claims_job

    job = claims_job("1+1=2\n竜")
    found = {trial.name: trial.result for trial in lab.run(job) if isinstance(trial, Trial)}
    assert found["singular"].startswith("ValueError")
    assert "max_new_token'" in found["singular"]
    assert found["names"] == "NameError: name 'tokens' is not defined"
    assert ast.literal_eval(found["decode"]) == "1+1=2\n竜"
    assert ast.literal_eval(found["join"]) != "1+1=2\n竜"
    assert found["spelling"] == "'Explanation'"


def test_nested_values_are_drawn_and_escaped() -> None:
    html = box([[{"generated_text": "<b>x</b>"}], []])
    assert html.count("list · ") == 3
    assert html.count(">dict<") == 1
    assert "&lt;b&gt;" in html
    assert "<b>x" not in html


def test_costs_are_counted_by_every_tokenizer_at_hand(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MODELS["pocket-chat"].path
    assert source
    repo = tmp_path / "models--lab--other"
    (repo / "blobs").mkdir(parents=True)
    shutil.copy(source / "tokenizer.json", repo / "blobs" / "t")
    snapshot = repo / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").symlink_to(repo / "blobs" / "t")
    files = tokenizer_files(tmp_path)
    assert [name for name, _ in files] == ["lab/other"]
    monkeypatch.setattr("backend.hub_cache.tokenizer_files", lambda: files)
    lab.engine.model()
    found = costs(lab, TEXT, "竜")
    assert found["lab/other"] == found[lab.settings.model]
    assert found["lab/other"][1] >= 2


@pytest.mark.slow
def test_the_snippets_print_what_the_cards_show(lab: Lab) -> None:
    from backend.list_runs import ListRun, list_job
    from backend.start_token import StartToken, start_token_job

    shapes = run(SNIPPETS / "forward_shapes.py")
    for options in ({}, {"padded": True}):
        job = list_job(PROMPTS, 2 if options else None, **options)
        assert str(only(lab, job, ListRun).shapes) in shapes
    start = only(lab, start_token_job(TEXT), StartToken)
    assert f"distance: {start.distance:.2f}" in run(SNIPPETS / "start_token.py")
    ends = run(SNIPPETS / "end_token.py")
    for limit in LIMITS:
        [made] = lab.generate(SUM, SamplingParams(max_new_tokens=limit))
        reason = {"stop": "end token", "length": "limit"}[made.finish_reason]
        line = f"limit {limit}: {len(made.steps)} new tokens, ended by the {reason}"
        assert line in ends
        assert str([step.token_id for step in made.steps]) in ends
