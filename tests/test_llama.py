"""The lean forward against transformers' own, on pocket models and tiny random ones."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from backend.kv_cache import DecodeWindow, PromptWindow, SlotCache
from backend.llama import LeanLlama
from backend.models import measure
from tests.conftest import WEIGHTS

SHAPE = {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3}
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 2}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
CONFIGS = {
    "one KV head a head": {"num_attention_heads": 4},
    "grouped queries": HEADS,
    "one KV head for all": {"num_attention_heads": 4, "num_key_value_heads": 1},
    "tied": {**HEADS, "tie_word_embeddings": True},
    "biases": {**HEADS, "attention_bias": True, "mlp_bias": True},
    "wide heads": {**HEADS, "head_dim": 24},
    "llama3 positions": {**HEADS, "rope_parameters": LLAMA3},
    "linear positions": {
        **HEADS,
        "rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0},
    },
}


def tiny(**more: object) -> LlamaForCausalLM:
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**{**SHAPE, "initializer_range": 0.3, **more}))
    for name, parameter in model.named_parameters():
        if "bias" in name or "norm" in name:  # zeros and ones would hide a mistake
            torch.nn.init.normal_(parameter, mean=0.5)
    return model.eval().requires_grad_(False)


def lean_of(model: PreTrainedModel) -> LeanLlama:
    lean = LeanLlama.of(model)
    assert lean
    return lean


def triangle(rows: int, n: int) -> torch.Tensor:
    return torch.ones(n, n, dtype=torch.bool).tril().expand(rows, 1, n, n)


def logits_of_both(model: PreTrainedModel) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(lean, transformers) logits after a prompt of nine tokens, and after one more."""
    ids = torch.randint(model.config.vocab_size, (2, 10))
    lean, cache = lean_of(model), DynamicCache(config=model.config)
    positions, all_rows = torch.arange(10).expand(2, 10), slice(0, 2)
    first = lean(ids[:, :9], positions[:, :9], [(all_rows, cache, triangle(2, 9))])
    second = lean(ids[:, 9:], positions[:, 9:], [(all_rows, cache, None)])
    own = model(ids).logits.float()
    return [(first, own[:, 8]), (second, own[:, 9])]


@torch.inference_mode()
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_transformers_own(name: str) -> None:
    for lean, own in logits_of_both(tiny(**CONFIGS[name])):
        assert lean.dtype == torch.float32
        torch.testing.assert_close(lean, own, rtol=1e-5, atol=1e-5 * own.abs().max().item())


@torch.inference_mode()
def test_bf16_is_as_near_to_fp32_as_transformers_own() -> None:
    exact = logits_of_both(tiny(**HEADS))  # on the same tokens: `tiny` sets the seed
    for (lean, own), (_, truth) in zip(logits_of_both(tiny(**HEADS).bfloat16()), exact):
        assert 0 < (lean - truth).norm() < 1.2 * (own - truth).norm()


@torch.inference_mode()
@pytest.mark.parametrize("folder", ["base", "chat"])
def test_greedy_text_of_the_pocket_models_is_generates(folder: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(WEIGHTS / folder)
    prompt, n = torch.tensor([[1, 300, 17, 900, 40]]), 60
    lean, cache = lean_of(model), DynamicCache(config=model.config)
    step, made = prompt, list[int]()
    for start in (0, *range(prompt.shape[1], prompt.shape[1] + n - 1)):
        positions = torch.arange(start, start + step.shape[1])[None]
        mask = triangle(1, step.shape[1]) if start == 0 else None
        step = lean(step, positions, [(slice(0, 1), cache, mask)]).argmax(-1, keepdim=True)
        made.append(int(step))
    own = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=n, do_sample=False, top_k=0
    )
    ends = own[0, prompt.shape[1] :].tolist()
    assert len(ends) > 10
    assert made[: len(ends)] == ends


@torch.inference_mode()
def test_rows_of_several_lengths_and_buckets_go_at_once() -> None:
    model = tiny(**HEADS)
    lean, config = lean_of(model), model.config
    texts = [torch.randint(300, (n,)) for n in (5, 12, 7)]
    small = SlotCache(config, 16, dtype=model.dtype, device=model.device)
    large = SlotCache(config, 32, dtype=model.dtype, device=model.device)
    small.resize(2, 0)
    large.resize(1, 0)
    for slot, ids in enumerate(texts[:2]):
        part = (slice(0, 1), PromptWindow(small, slot, 0, len(ids) - 1), triangle(1, len(ids) - 1))
        lean(ids[None, :-1], torch.arange(len(ids) - 1)[None], [part])
    lengths = torch.tensor([4, 11])
    seen = (torch.arange(12) <= lengths[:, None])[:, None, None]
    found = lean(
        torch.cat([texts[0][-1:], texts[1][-1:], texts[2]])[:, None],
        torch.cat([lengths, torch.arange(7)])[:, None],
        [
            (slice(0, 2), DecodeWindow(small, lengths, 11, 0), seen),
            (slice(2, 9), PromptWindow(large, 0, 0, 7), triangle(1, 7)),
        ],
    )
    own = torch.stack([model(ids[None]).logits[0, -1] for ids in texts])
    torch.testing.assert_close(found, own, rtol=1e-5, atol=1e-4)


@torch.inference_mode()
def test_the_weights_are_held_once(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = tiny(**HEADS, tie_word_embeddings=True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    bytes_before, lean = measure(model), lean_of(model)
    assert measure(model) == bytes_before
    first = model.model.layers[0].mlp
    assert lean.layers[0].gate_up[0].data_ptr() == first.gate_proj.weight.data_ptr()
    first.up_proj.weight.mul_(2)  # a job that changes the model changes what the engine runs
    assert torch.equal(lean.layers[0].gate_up[0][96:], first.up_proj.weight)
    first.up_proj.weight.div_(2)
    model.save_pretrained(tmp_path)
    saved = LlamaForCausalLM.from_pretrained(tmp_path).state_dict()
    assert saved.keys() == before.keys()
    assert all(torch.equal(saved[name], tensor) for name, tensor in before.items())


def test_other_models_keep_their_own_forward() -> None:
    assert not LeanLlama.of(tiny(**HEADS, hidden_act="gelu"))
    dynamic = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    assert not LeanLlama.of(tiny(**HEADS, rope_parameters=dynamic))
    quantised = tiny(**HEADS)
    quantised.model.layers[1].mlp.up_proj = type("Linear4bit", (torch.nn.Linear,), {})(64, 96)
    assert not LeanLlama.of(quantised)
