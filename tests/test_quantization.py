"""Copies at lower precisions, beside the resident model, against transformers."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from backend.catalog import MODELS
from backend.errors import LabError
from backend.kv_speed import Pair, kv_speed_job
from backend.lab import Lab
from backend.memory import estimate
from backend.quantization import TOKENS, Copy, copy_job, damage
from backend.types import SamplingParams

pytestmark = pytest.mark.slow
PROMPT = "Tell me a story about a dragon."


def run(lab: Lab, precision: str, path: tuple[int, ...] = ()) -> Copy:
    lab.engine.model()
    [copy] = lab.run(copy_job("pocket-chat", precision, PROMPT, lab.settings, path))
    assert isinstance(copy, Copy)
    return copy


@pytest.fixture(scope="module")
def reference(lab: Lab) -> Copy:
    return run(lab, "fp32")


def test_the_reference_is_the_labs_greedy_text(lab: Lab, reference: Copy) -> None:
    [whole] = lab.generate(PROMPT, SamplingParams(max_new_tokens=TOKENS))
    assert reference.ids == tuple(step.token_id for step in whole.steps)
    assert damage(reference, reference).kl == pytest.approx([0.0] * len(reference.ids))
    given = [step.logprob for step in whole.steps]
    mine = [float(row[i]) for row, i in zip(reference.logprobs, reference.ids)]
    assert mine == pytest.approx(given, abs=1e-4)


def test_damage_is_what_two_models_of_transformers_give(lab: Lab, reference: Copy) -> None:
    copy = run(lab, "bf16", reference.path)
    ids = lab.engine.model("pocket-chat").encode(PROMPT)
    whole = torch.tensor([[*ids, *reference.path[:-1]]])
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        source = MODELS["pocket-chat"].source
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
        with torch.inference_mode():
            rows.append(model(whole).logits[0, len(ids) - 1 :].float().log_softmax(-1))
    p, q = rows
    want = torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
    assert damage(reference, copy).kl == pytest.approx(want.tolist(), abs=1e-5)


@pytest.mark.parametrize("precision", ["int8", "nf4", "nf4-dq"])
def test_a_quantised_copy_is_counted_and_changes_nothing(
    lab: Lab, reference: Copy, precision: str
) -> None:
    before = lab.status().models
    copy = run(lab, precision, reference.path)
    found = estimate("pocket-chat", precision)
    assert copy.weights_bytes == found.weights_bytes
    assert copy.quant_state_bytes == found.quant_state_bytes
    assert copy.footprint_bytes == copy.weights_bytes  # blind to the quantisation state
    harm = damage(reference, copy)
    assert 0 < harm.mean_kl < 1
    pairs = zip(copy.ids, reference.ids)
    parts = next((i for i, (mine, theirs) in enumerate(pairs) if mine != theirs), None)
    if parts is not None and parts not in harm.flips[:1]:  # decoding one by one rounds otherwise
        first, second = copy.logprobs[parts].topk(2).values.tolist()
        assert first - second < 0.05
    assert lab.status().models == before
    assert torch.get_default_dtype() == torch.float32


def test_a_refused_prompt_ends_the_job_with_its_reason(lab: Lab) -> None:
    lab.engine.model()
    with pytest.raises(LabError):
        list(lab.run(copy_job("pocket-chat", "fp32", "", lab.settings)))
    with pytest.raises(LabError):
        list(lab.run(copy_job("/etc", "fp32", PROMPT, lab.settings)))


def test_the_kv_cache_changes_the_time_and_not_the_tokens(lab: Lab) -> None:
    lab.engine.model()
    pairs = [p for p in lab.run(kv_speed_job(PROMPT, 60)) if isinstance(p, Pair)]
    assert len(pairs) == 60
    assert all(pair.same for pair in pairs)
    last = pairs[-1]
    assert last.kv_bytes == estimate("pocket-chat", "fp32", context=last.position).kv_cache_bytes
