"""The device that models go on: why a card is not used, what is too big, one card or several."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM, GemmaConfig

from backend import device, device_memory
from backend.catalog import MODELS
from backend.device import Room, arch_fault, cuda_fault, memory_for, spread, too_big
from backend.device_memory import DeviceMemory
from backend.errors import LabError
from backend.memory import estimate
from backend.models import load, placed
from backend.settings import Settings

GB = 10**9
LLAMA_7B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}


def room(n_bytes: int) -> Room:
    return Room(name="a card", bytes=n_bytes, cards=(n_bytes,), fault=None)


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((8, 6), ["sm_80", "sm_90"], True),
        ((7, 0), ["sm_75", "sm_80"], False),
        ((12, 0), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_80", "compute_90"], True),
        ((9, 0), ["sm_90a"], True),
    ],
)
def test_a_card_that_torch_has_no_code_for(
    capability: tuple[int, int], built: list[str], runs: bool
) -> None:
    fault = arch_fault(capability, built)
    assert (fault is None) == runs
    if fault:
        assert fault.code == "cuda_arch"
        assert fault.values["value"] == ".".join(map(str, capability))


def test_a_card_that_this_torch_cannot_reach(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "NVIDIA", (str(tmp_path / "none"),))
    assert cuda_fault() is None
    monkeypatch.setattr(device, "NVIDIA", (str(tmp_path),))
    monkeypatch.setattr(torch.version, "cuda", None)
    fault = cuda_fault()
    assert fault
    assert fault.code == "cuda_build"

    def old() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", old)
    with pytest.raises(LabError, match="too old") as caught:
        placed("auto", Settings(device="cuda"))
    assert caught.value.code == "cuda_driver"
    assert device.room(Settings()).fault
    assert device.room(Settings()).name == "CPU"


@pytest.mark.parametrize(("major", "expected"), [(8, "bf16"), (7, "fp16")])
def test_a_card_that_only_emulates_bf16_computes_in_fp16(
    monkeypatch: pytest.MonkeyPatch, major: int, expected: str
) -> None:
    monkeypatch.setattr("backend.models.cuda_fault", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    card = SimpleNamespace(major=major)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    assert placed("auto", Settings())[1].name == expected


def test_what_no_precision_makes_fit_is_too_big() -> None:
    needed = device.weights(LLAMA_7B)
    assert set(needed) >= {"fp32", "nf4-dq"}
    assert too_big("m", LLAMA_7B, room(needed["nf4-dq"])) is None
    fault = too_big("m", LLAMA_7B, room(needed["nf4-dq"] - 1))
    assert fault
    assert (fault.code, fault.values["precision"]) == ("model_too_big", "nf4-dq")
    assert too_big("m", {"model_type": "mamba"}, room(1)) is None


def test_several_cards_are_one_device_where_one_is_too_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def card(name: str) -> DeviceMemory:
        return DeviceMemory(device=name, total_bytes=8 * GB, used_bytes=GB, ours_bytes=0)

    monkeypatch.setattr(device_memory, "look", card)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert not spread(LLAMA_7B, "bf16")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert spread(LLAMA_7B, "bf16")
    assert not spread(LLAMA_7B, "nf4")
    assert memory_for(LLAMA_7B, "bf16", "cuda").room_bytes == 14 * GB
    assert memory_for(LLAMA_7B, "nf4", "cuda").room_bytes == 7 * GB


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA cards")
def test_a_model_on_several_cards_answers_as_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.lab import Lab

    said = []
    for several in (False, True):
        monkeypatch.setattr("backend.models.spread", lambda *_, several=several: several)
        loaded = load("pocket-chat", "fp32", Settings(device="cuda"))
        devices = {p.device for p in loaded.model.parameters()}
        assert (len(devices) > 1) == several
        lab = Lab(Settings(device="cuda"))
        said.append(lab.generate("Once upon a time")[0].text)
        lab.close()
    assert said[0] == said[1]


def test_gemma_is_counted() -> None:
    config = GemmaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=16,
        vocab_size=300,
    )
    model = AutoModelForCausalLM.from_config(config)
    held = sum(p.nbytes for p in model.parameters()) + 4 * config.head_dim
    raw = {k: v for k, v in config.to_dict().items() if k != "tie_word_embeddings"}
    assert estimate(raw, "fp32").weights_bytes == held


def test_the_catalogue_has_each_kind() -> None:
    entries = [entry for entry in MODELS.values() if not entry.path]
    small = [entry for entry in entries if entry.parameters < GB]
    assert {entry.kind for entry in entries} == {"base", "chat"}  # a base model has no template
    assert any(not entry.has_system_role for entry in entries if entry.kind == "chat")
    assert any(not entry.gated for entry in small)
    assert any(entry.id.startswith("llm-jp/") for entry in small)
