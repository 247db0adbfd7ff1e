"""Which models run rows of different lengths together, and which lean forwards are trusted."""

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from backend.llama import LeanLlama
from backend.models import load, measure
from backend.probe import agrees, honours_masks
from backend.settings import Settings
from tests.conftest import WEIGHTS

SHAPE = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
HONOUR = {
    "Llama": {},
    "GPT2": {},
    "GPTNeoX": {},
    "Qwen2": {"num_key_value_heads": 2},
    "Gemma": {"head_dim": 16},
    "Phi": {},
    "Mistral": {"sliding_window": None},
}
# each ignores the mask, the positions or the cache in a way of its own, most without an error
IGNORE = {
    "Mamba": {},
    "Rwkv": {},
    "Bloom": {"n_layer": 2, "n_head": 4},
    "Mpt": {"d_model": 64, "n_heads": 4, "n_layers": 2},
    "GPTJ": {"rotary_dim": 8},
    "GPTNeo": {"num_layers": 2, "attention_types": [[["global", "local"], 1]]},
}


def tiny(kind: str, **more: object) -> PreTrainedModel:
    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(**{**SHAPE, **more})
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("kind", HONOUR)
def test_models_that_honour_masks(kind: str) -> None:
    assert honours_masks(tiny(kind, **HONOUR[kind]))


@pytest.mark.parametrize("kind", IGNORE)
def test_models_that_do_not(kind: str) -> None:
    assert not honours_masks(tiny(kind, **IGNORE[kind]))


def test_a_sliding_window_is_not_honoured_by_an_explicit_mask() -> None:
    assert not honours_masks(tiny("Mistral", sliding_window=64, max_position_embeddings=256))
    assert honours_masks(tiny("Mistral", sliding_window=256, max_position_embeddings=256))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_wrong_lean_forward_is_not_trusted(dtype: torch.dtype) -> None:
    model = AutoModelForCausalLM.from_pretrained(WEIGHTS / "base", dtype=dtype)
    lean = LeanLlama.of(model)
    assert lean
    assert agrees(lean, model)
    right = lean.rotary
    lean.rotary = right.flip(1)
    assert not agrees(lean, model)
    lean.rotary, lean.layers = right, lean.layers[:-1]
    assert not agrees(lean, model)


def test_numbers_that_are_not_sound_are_not_trusted() -> None:
    model = tiny("Llama")
    model.lm_head.weight.data.fill_(torch.nan)
    assert not honours_masks(model)


def test_load_says_how_a_model_is_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    loaded = load("pocket-base", "fp32", Settings(device="cpu"))
    assert loaded.lean
    assert loaded.batches
    assert measure(loaded.model) == (loaded.info.weights_bytes, 0)
    loaded.tokenizer.save_pretrained(tmp_path)
    other = LlamaForCausalLM(LlamaConfig(**{**SHAPE, "vocab_size": 2048}, hidden_act="gelu"))
    other.save_pretrained(tmp_path)
    own = load(str(tmp_path), "fp32", Settings(device="cpu", model=str(tmp_path)))
    assert own.lean is None
    assert own.batches
