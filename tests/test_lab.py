"""What the edges rely on: checks before waiting, names of models, updates, precisions."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import LabError
from backend.lab import Lab
from backend.precision import PRECISIONS
from backend.settings import Settings
from backend.types import SamplingParams, StreamUpdate

PROMPT = "Tell me a story about a dragon."
USER = {"role": "user", "content": "Hello."}


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("", "empty_prompt"),
        (" \n", "empty_prompt"),
        ([{"role": "user", "content": ""}], "empty_prompt"),
        ("dragon " * 2100, "context_exceeded"),
        ("x" * 10_000_000, "prompt_too_large"),
        (None, "prompt_type"),
        (3, "prompt_type"),
        ([], "prompt_type"),
        ([{"role": "boss", "content": "x"}], "prompt_type"),
        ([{"role": "user", "content": 3}], "prompt_type"),
        ([USER, USER], "template"),
        ([{"role": "assistant", "content": "x"}], "template"),
    ],
)
def test_wrong_prompts_are_refused_and_the_next_works(lab: Lab, prompt: object, code: str) -> None:
    with pytest.raises(LabError) as caught:
        lab.generate(prompt)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=1))


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("no-such-model", "model_unknown"),
        ("meta-llama/Llama-2-7b-hf", "model_not_loaded"),
        ("/etc/passwd", "model_path"),
        ("../pocket", "model_path"),
        ("./pocket/weights/chat", "model_path"),
        ("pocket/weights/chat", "model_path"),
        (7, "model_unknown"),
    ],
)
def test_wrong_models_are_refused(lab: Lab, model: str, code: str) -> None:
    with pytest.raises(LabError) as caught:
        lab.generate(PROMPT, model=model)
    assert caught.value.code == code


def test_limits_refuse_and_never_clip(lab: Lab) -> None:
    for params, code in (
        (SamplingParams(max_new_tokens=513), "too_many_new_tokens"),
        (SamplingParams(max_new_tokens=10**9), "too_many_new_tokens"),
        (SamplingParams(do_sample=True, num_return_sequences=33), "too_many_rows"),
    ):
        with pytest.raises(LabError) as caught:
            lab.generate(PROMPT, params)
        assert caught.value.code == code


def test_prefix_ids_are_checked(lab: Lab) -> None:
    for bad in ((-1,), (10**9,), ("x",), (True,)):
        with pytest.raises(LabError) as caught:
            lab.generate(PROMPT, prefix_ids=bad)
        assert caught.value.code == "prefix_ids"


def test_hub_ids_beyond_loopback_need_the_teachers_list() -> None:
    from backend.allowed import allowed_source

    settings = Settings(host="0.0.0.0", allowed_models=("org/allowed",))
    assert allowed_source("org/allowed", settings) == "org/allowed"
    with pytest.raises(LabError) as caught:
        allowed_source("org/other", settings)
    assert caught.value.code == "model_not_allowed"
    assert allowed_source("org/other", Settings()) == "org/other"


def test_a_folder_beside_the_lab_is_no_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.allowed import allowed_source

    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError) as caught:
        allowed_source("org/model", Settings())
    assert caught.value.code == "model_path"
    assert allowed_source("org/model", Settings(model="org/model")) == "org/model"


def test_the_base_model_is_there_by_name(lab: Lab) -> None:
    [generation] = lab.generate(PROMPT, SamplingParams(max_new_tokens=4), model="pocket-base")
    assert generation.steps
    with pytest.raises(LabError) as caught:
        lab.generate([USER], model="pocket-base")
    assert caught.value.code == "no_template"


def test_a_generation_carries_its_record(lab: Lab) -> None:
    params = SamplingParams(do_sample=True, top_k=3, seed=2, max_new_tokens=20)
    [generation] = lab.generate(PROMPT, params)
    tokens = lab.tokenize(PROMPT)
    assert generation.prompt_tokens == len(tokens)
    assert tokens[0].special
    for step in generation.steps:
        assert step.logprob <= 0 < step.prob
        assert len(step.alternatives) == 5
        assert [c.removed_by for c in step.alternatives] == [""] * 3 + ["top_k"] * 2
        assert all((c.prob == 0) == (c.removed_by != "") for c in step.alternatives)
        assert step.token_id in {c.token_id for c in step.alternatives[:3]}
    assert generation.steps[-1].finish_reason == generation.finish_reason
    assert all(step.finish_reason is None for step in generation.steps[:-1])


def test_a_story_ends_by_its_end_token(lab: Lab) -> None:
    [generation] = lab.generate(PROMPT, SamplingParams(max_new_tokens=300))
    assert generation.finish_reason == "stop"
    assert generation.steps[-1].text == ""
    assert generation.steps[-1].piece == "</s>"
    assert "dragon" in generation.text
    assert len(generation.text) >= 100


def test_updates_are_coalesced_and_complete(lab: Lab) -> None:
    async def collect() -> list[StreamUpdate]:
        params = SamplingParams(max_new_tokens=200)
        return [update async for update in lab.aupdates(PROMPT, params) if update.steps]

    updates = asyncio.run(collect())
    steps = [step for update in updates for step in update.steps]
    [whole] = lab.generate(PROMPT, SamplingParams(max_new_tokens=200))
    assert [s.token_id for s in steps] == [s.token_id for s in whole.steps]
    assert len(updates) < len(steps)
    assert len(updates[0].steps) < len(steps)  # the first goes out before the rest is there


def test_astream_gives_the_same_steps(lab: Lab) -> None:
    async def collect() -> list[int]:
        params = SamplingParams(do_sample=True, seed=5, max_new_tokens=30)
        return [step.token_id async for step in lab.astream(PROMPT, params)]

    params = SamplingParams(do_sample=True, seed=5, max_new_tokens=30)
    assert asyncio.run(collect()) == [s.token_id for s in lab.stream(PROMPT, params)]


def test_rendering_shows_the_template(lab: Lab) -> None:
    prompt = lab.render([{"role": "system", "content": "Be kind."}, USER])
    assert prompt.text.startswith("<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHello. [/INST]")
    assert prompt.ids.count(1) == 1  # one start token, not two


def test_making_a_lab_imports_no_torch() -> None:
    code = (
        "import sys; from backend.lab import Lab; from backend.settings import Settings;"
        "Lab(Settings()); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PRECISIONS)
def test_every_precision_runs_here(name: str) -> None:
    lab = Lab(Settings(threads=1, precision=name))
    try:
        [generation] = lab.generate(PROMPT, SamplingParams(max_new_tokens=30))
        info = lab.status().models[0]
    finally:
        lab.close()
    assert info.precision == name
    assert len(generation.steps) > 5
    bytes_per_parameter = (info.weights_bytes + info.quant_state_bytes) / info.parameters
    assert bytes_per_parameter <= PRECISIONS["fp32" if name == "fp32" else "fp16"].bits / 8 + 0.2


def test_unknown_precision_and_odd_widths_are_named(lab: Lab) -> None:
    from backend.precision import check_widths

    with pytest.raises(LabError) as caught:
        lab.load_model("pocket-chat", "int5")
    assert caught.value.code == "precision_unknown"
    with pytest.raises(LabError, match="hidden_size is 240"):
        check_widths(PRECISIONS["nf4"], {"hidden_size": 240})
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=1))
