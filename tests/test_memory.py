"""Estimated bytes against bytes counted, transformers' own count, and the course's table."""

import json

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

from backend import device
from backend.catalog import MODELS, POCKET
from backend.errors import LabError
from backend.lab import Lab
from backend.memory import CUBLAS_BYTES, estimate, largest_context, parameters, shape_of
from backend.models import load
from backend.precision import PRECISIONS
from backend.settings import Settings

MIB = 2**20
LLAMA = "meta-llama/Llama-2-7b-chat-hf"
# course, section 1.2: torch.cuda.memory_summary of Llama-2-7b-chat, allocated and peak, MiB
RECORDED = {
    "fp32": (25713, 25815),
    "fp16": (12860, 12911),
    "int8": (6701, 6801),
    "fp4": (4000, 6426),
    "nf4-dq": (3695, 6426),
}


@pytest.mark.parametrize("precision", RECORDED)
def test_the_courses_table_within_one_percent(precision: str) -> None:
    allocated, peak = RECORDED[precision]
    alone, run = estimate(LLAMA, precision), estimate(LLAMA, precision, context=100)
    assert alone.total_bytes / MIB == pytest.approx(allocated, rel=0.01)
    assert alone.allocated_bytes / MIB == pytest.approx(allocated, rel=0.005)
    assert run.peak_bytes / MIB == pytest.approx(peak, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("model", POCKET)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_pocket_models_take_what_is_estimated(model: str, precision: str) -> None:
    info = load(model, precision, Settings(device="cpu", threads=1)).info
    found = estimate(model, precision)
    assert found.weights_bytes == info.weights_bytes
    assert found.quant_state_bytes == info.quant_state_bytes
    assert found.total_bytes == info.weights_bytes + info.quant_state_bytes


def test_the_kv_cache_takes_what_is_estimated(lab: Lab) -> None:
    loaded = lab.engine.model("pocket-base")
    cache = DynamicCache()
    with torch.inference_mode():
        loaded.model(input_ids=torch.ones(3, 70, dtype=torch.long), past_key_values=cache)
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert estimate("pocket-base", "fp32", context=70, sequences=3).kv_cache_bytes == held


@pytest.mark.parametrize("name", [name for name in MODELS if name not in POCKET])
def test_shapes_give_the_known_parameter_counts(name: str) -> None:
    assert parameters(shape_of(name)) == MODELS[name].parameters


@pytest.mark.parametrize(("kind", "heads", "tied"), [("llama", 2, True), ("qwen2", 4, False)])
def test_any_config_of_the_family_counts_as_transformers_does(
    kind: str, heads: int, tied: bool
) -> None:
    config = AutoConfig.for_model(
        kind,
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=heads,
        vocab_size=500,
        tie_word_embeddings=tied,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    found = estimate(config.to_dict(), "fp16")
    assert parameters(shape_of(config.to_dict())) == model.num_parameters()
    assert found.weights_bytes == model.get_memory_footprint()


@pytest.mark.parametrize("width", ["hidden_size", "num_attention_heads", "vocab_size"])
@pytest.mark.parametrize("wrong", [None, 0, "4096", [64], 1.5])
def test_a_config_that_somebody_wrote_wrongly_is_refused(width: str, wrong: object) -> None:
    whole = AutoConfig.from_pretrained(MODELS["pocket-chat"].source).to_dict()
    with pytest.raises(LabError) as raised:
        shape_of({**whole, width: wrong})
    assert raised.value.values["field"] == width
    assert device.weights({**whole, width: wrong}) == {}, "shown as one that is not counted"


def test_ratios_are_not_the_bits_and_double_quantisation_saves() -> None:
    whole = estimate(LLAMA, "fp32").allocated_bytes
    ratios = {p: estimate(LLAMA, p).allocated_bytes / whole for p in PRECISIONS}
    assert ratios["fp16"] == pytest.approx(0.500, abs=5e-4)
    assert ratios["int8"] == pytest.approx(0.261, abs=1e-3)
    assert ratios["fp4"] == pytest.approx(0.156, abs=1.5e-3)
    assert ratios["nf4-dq"] == pytest.approx(0.144, abs=5e-4)
    assert 1 / ratios["nf4-dq"] == pytest.approx(6.96, abs=0.01)


def test_what_is_refused_names_the_field() -> None:
    for field, call in {
        "model": lambda: estimate("no/such", "fp16"),
        "model_type": lambda: estimate({"model_type": "gpt2"}, "fp16"),
        "precision": lambda: estimate(LLAMA, "int5"),
        "context": lambda: estimate(LLAMA, "fp16", context=-1),
        "sequences": lambda: estimate(LLAMA, "fp16", sequences=0),
    }.items():
        with pytest.raises(LabError) as caught:
            call()
        assert caught.value.values["field"] == field


def test_the_largest_context_fits_and_one_more_does_not() -> None:
    card = 8 * 2**30
    longest = largest_context(LLAMA, "nf4", memory_bytes=card, sequences=4)
    assert 0 < longest < 4096
    assert estimate(LLAMA, "nf4", context=longest, sequences=4).peak_bytes <= card
    assert estimate(LLAMA, "nf4", context=longest + 1, sequences=4).peak_bytes > card
    assert largest_context(LLAMA, "fp16", memory_bytes=card) == 0


def test_terms_add_up_and_the_workspace_is_the_devices() -> None:
    found = estimate(LLAMA, "nf4-dq", context=4096, sequences=2)
    terms = found.weights_bytes + found.quant_state_bytes + found.kv_cache_bytes
    assert found.total_bytes == terms + found.activations_bytes
    assert found.allocated_bytes == found.weights_bytes + found.quant_state_bytes + CUBLAS_BYTES
    assert found.kv_cache_bytes == 2 * 2**31  # 2 GiB a row at 4,096 positions in 16 bit
    assert found.peak_bytes >= found.total_bytes


def test_the_lab_estimates_the_loaded_model_by_its_own_config(lab: Lab) -> None:
    lab.engine.model()
    found, current = lab.estimate("", "auto"), lab.status().models[0]
    assert found.weights_bytes == current.weights_bytes
    with pytest.raises(LabError):
        lab.estimate(json.loads('{"a": 1}'), "auto")


def test_auto_is_what_a_load_here_would_take() -> None:
    lab = Lab(Settings(device="cpu"))
    assert lab.estimate(LLAMA, "auto") == estimate(LLAMA, "fp32")
    lab.close()
