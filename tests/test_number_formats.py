"""Bits of numbers, against torch's and bitsandbytes' own."""

import math
import random

import pytest
import torch

from backend.errors import LabError
from backend.number_formats import FLOATS, NF4_LEVELS, held, int8, nf4, number

TORCH = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
AS_INT = {"fp32": torch.int32, "fp16": torch.int16, "bf16": torch.int16}


def examples() -> list[float]:
    draw = random.Random(0)
    edges = [0.0, -0.0, 1.001, 65504, 65519, 65520, 70000, 1e-8, 6e-8, 1e-40, 3.4e38, math.inf]
    return [
        *edges,
        *(-x for x in edges),
        *(draw.uniform(-2, 2) * 10.0 ** draw.randint(-44, 38) for _ in range(3000)),
    ]


@pytest.mark.parametrize("form", FLOATS, ids=lambda form: form.name)
def test_value_and_bits_are_torchs(form) -> None:  # type: ignore[no-untyped-def]
    # through fp32 first: torch rounds a double to fp32 on its way to 16 bit
    for x in torch.tensor(examples(), dtype=torch.float64).float().tolist():
        mine = held(x, form)
        theirs = torch.tensor([x], dtype=torch.float32).to(TORCH[form.name])
        assert mine.value == theirs.item(), x
        width = 1 + form.exponent_bits + form.mantissa_bits
        bits = theirs.view(AS_INT[form.name]).item() & (2**width - 1)
        assert mine.sign + mine.exponent + mine.mantissa == f"{bits:0{width}b}", x


def test_the_courses_numbers() -> None:
    fp32, fp16, bf16 = FLOATS
    assert held(70000, fp16).value == math.inf
    assert held(70000, bf16).value == 70144
    assert held(1.001, fp16).value == 1.0009765625
    assert held(1.001, bf16).value == 1.0
    assert fp16.largest == 65504
    assert fp32.smallest_normal == torch.finfo(torch.float32).tiny
    assert held(1e-40, fp32).kind == "subnormal"
    assert held(math.nan, fp16).kind == "nan"


def test_nf4_levels_are_bitsandbytes() -> None:
    from bitsandbytes.functional import get_4bit_type

    assert list(NF4_LEVELS) == pytest.approx(get_4bit_type("nf4", device="cpu").tolist())


def test_blocks_are_quantised_as_bitsandbytes_does() -> None:
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    block = torch.randn(64, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(block, quant_type="nf4", blocksize=64)
    theirs, largest = dequantize_4bit(packed, state), float(block.abs().max())
    mine = [nf4(float(x), largest).value for x in block]
    assert mine == pytest.approx(theirs.flatten().tolist(), abs=1e-6)


def test_int8_steps_are_even_and_the_absmax_is_exact() -> None:
    assert int8(0.5, 2.0).index == round(0.25 * 127)
    assert int8(-3.0, 1.0).value == -3.0
    assert int8(-1.0, 1.0).bits == "10000001"
    assert int8(0.0, 0.0).value == 0.0
    with pytest.raises(LabError):
        int8(math.inf, 1.0)


def test_what_is_typed() -> None:
    assert number(" 1e-8 ") == 1e-8
    assert number("\u22121.5") == -1.5
    assert number("\uff17") == 7
    with pytest.raises(LabError):
        number("seven")
