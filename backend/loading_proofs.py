"""Proofs about loading, run on a pocket model: what `from_pretrained` and `pipeline` really do."""

import tempfile
from collections.abc import Iterator
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, pipeline

from backend.catalog import MODELS
from backend.models import BUILDING, LoadedModel, building, measure

NF4: dict[str, Any] = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
Proof = tuple[str, dict[str, str]]  # its name, and the values its sentence takes


def proofs(_: LoadedModel) -> Iterator[Proof | None]:
    """Yield each proof with what came out; a job, since loading sets torch's default dtype."""
    for prove in (_bare, _dtype, _footprint, _summary):
        yield from building()
        try:
            proof = prove(MODELS["pocket-chat"].source)
        finally:
            BUILDING.release()
        yield proof


def _bare(source: str) -> Proof:
    def layer(**options: Any) -> str:
        model = pipeline("text-generation", model=source, device="cpu", **options).model
        return type(model.model.layers[0].self_attn.q_proj).__name__

    config = BitsAndBytesConfig(**NF4)
    inside = layer(model_kwargs={"quantization_config": config})
    return "bare", {"bare": layer(quantization_config=config), "inside": inside}


def _dtype(source: str) -> Proof:
    def dtype(folder: str) -> str:
        return str(AutoModelForCausalLM.from_pretrained(folder).dtype).removeprefix("torch.")

    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_pretrained(source, dtype="float16").save_pretrained(folder)
        return "dtype", {"whole": dtype(source), "half": dtype(folder)}


def _footprint(source: str) -> Proof:
    sizes = {}
    for name, double in (("plain", False), ("double", True)):
        config = BitsAndBytesConfig(**NF4, bnb_4bit_use_double_quant=double)
        model = AutoModelForCausalLM.from_pretrained(
            source, quantization_config=config, dtype="bfloat16", device_map="cpu"
        )
        sizes[f"footprint_{name}"] = f"{model.get_memory_footprint():,}"
        sizes[f"counted_{name}"] = f"{sum(measure(model)):,}"
    return "footprint", sizes


def _summary(_: str) -> Proof:
    try:
        torch.cuda.memory_summary()
    except (KeyError, RuntimeError, AssertionError) as error:
        return "summary", {"said": type(error).__name__}
    return "summary", {"said": "-"}
