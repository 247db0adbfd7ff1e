"""PRECISIONS: how weights are held. One row is one way to load a model.

Bits per weight of the quantised linear layers; embeddings, norms and head keep `dtype`
(bitsandbytes; Dettmers et al. 2022, 2023).
"""

from collections.abc import Mapping

from backend.errors import LabError
from backend.settings import PRECISION_NAMES
from backend.types import PrecisionSpec

_4BIT: Mapping[str, object] = {"load_in_4bit": True, "bnb_4bit_compute_dtype": "bfloat16"}

_SPECS = (
    PrecisionSpec(name="fp32", bits=32, dtype="float32"),
    PrecisionSpec(name="fp16", bits=16, dtype="float16"),
    PrecisionSpec(name="bf16", bits=16, dtype="bfloat16"),
    PrecisionSpec(name="int8", bits=8, dtype="float16", quantization={"load_in_8bit": True}),
    PrecisionSpec(
        name="fp4", bits=4, dtype="bfloat16", quantization={**_4BIT, "bnb_4bit_quant_type": "fp4"}
    ),
    PrecisionSpec(
        name="nf4", bits=4, dtype="bfloat16", quantization={**_4BIT, "bnb_4bit_quant_type": "nf4"}
    ),
    PrecisionSpec(
        name="nf4-dq",
        bits=4,
        dtype="bfloat16",
        quantization={**_4BIT, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    ),
)
PRECISIONS: Mapping[str, PrecisionSpec] = {spec.name: spec for spec in _SPECS}
assert tuple(PRECISIONS) == PRECISION_NAMES


def precision(name: str, *, cuda_bf16: bool | None) -> PrecisionSpec:
    """Return the named precision; `auto` is fp32 on CPU, on CUDA bf16 where supported, else fp16.

    `cuda_bf16`: None on CPU, else whether the card computes in bf16. Raises LabError.
    """
    if name == "auto":
        name = {None: "fp32", True: "bf16", False: "fp16"}[cuda_bf16]
    if not isinstance(name, str) or name not in PRECISIONS:
        allowed = ", ".join(PRECISION_NAMES)
        message = f"precision must be one of {allowed}, got {name!r:.80}"
        raise LabError(
            "precision_unknown", message, field="precision", value=str(name)[:80], allowed=allowed
        )
    return PRECISIONS[name]


def check_widths(spec: PrecisionSpec, widths: Mapping[str, int]) -> None:
    """Refuse 4-bit where a layer's width is not a multiple of 64, the block that shares a scale."""
    if spec.bits != 4:
        return
    for name, width in widths.items():
        if width % 64:
            raise LabError(
                "precision_unsupported",
                f"{spec.name} needs layer widths that are multiples of 64, but {name} is {width}",
                "Choose int8 or a 16-bit precision for this model",
                field=name,
                value=width,
                allowed="64, 128, 192, ...",
                precision=spec.name,
            )
