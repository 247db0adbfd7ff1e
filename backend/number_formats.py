"""How a number is held in few bits: floating formats by their fields, int8 and nf4 by a block.

Floats round half to even, as IEEE 754 and torch do. int8 and nf4 keep a number as a share of the
largest magnitude of its block (absmax): Dettmers et al. 2022 and 2023, as bitsandbytes does.
"""

import math
from dataclasses import dataclass
from typing import Literal

from backend.errors import LabError

Kind = Literal["zero", "normal", "subnormal", "infinite", "nan"]
# the quantiles of a normal distribution that QLoRA uses, as bitsandbytes holds them
NF4_LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FloatFormat:
    """A floating format: one sign bit, then exponent and mantissa."""

    name: str
    exponent_bits: int
    mantissa_bits: int

    @property
    def bias(self) -> int:
        """What is taken off the exponent's field."""
        return int(2 ** (self.exponent_bits - 1)) - 1

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return math.ldexp(2 - 2.0**-self.mantissa_bits, self.bias)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number with all its mantissa bits."""
        return 2.0 ** (1 - self.bias)


FLOATS = (
    FloatFormat(name="fp32", exponent_bits=8, mantissa_bits=23),
    FloatFormat(name="fp16", exponent_bits=5, mantissa_bits=10),
    FloatFormat(name="bf16", exponent_bits=8, mantissa_bits=7),
)


@dataclass(frozen=True, kw_only=True)
class Float:
    """A number in a floating format. `exponent` and `mantissa` are the fields, as bits."""

    format: FloatFormat
    sign: str
    exponent: str
    mantissa: str
    value: float
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Level:
    """A number as one of a block's levels: `value` is `share` of the block's absmax."""

    name: Literal["int8", "nf4"]
    index: int  # -127..127, or 0..15
    bits: str
    share: float
    value: float
    absmax: float


def number(text: str) -> float:
    """Read what somebody typed. Raises LabError."""
    try:
        return float(text.strip().replace("\u2212", "-"))
    except (ValueError, AttributeError):
        raise LabError(
            "no_number",
            f"{str(text)[:40]!r} is not a number",
            field="number",
            value=str(text)[:40],
            allowed="1.001, -0.5, 70000, 1e-8",
        ) from None


def held(x: float, form: FloatFormat) -> Float:
    """Return `x` rounded to a floating format."""
    top = int(2**form.exponent_bits) - 1
    sign = 1 if math.copysign(1.0, x) < 0 else 0
    kind: Kind
    if math.isnan(x):
        field, fraction, value, kind = top, 2 ** (form.mantissa_bits - 1), math.nan, "nan"
    elif x == 0:
        field, fraction, value, kind = 0, 0, x, "zero"
    else:
        power = top if math.isinf(x) else max(math.frexp(x)[1] - 1, 1 - form.bias)
        # the number counted in units of its last mantissa bit; scaling by a power of two is exact
        units = 0 if math.isinf(x) else round(math.ldexp(abs(x), form.mantissa_bits - power))
        if units == 2 ** (form.mantissa_bits + 1):
            power, units = power + 1, units // 2
        if power > form.bias:
            field, fraction, value, kind = top, 0, math.copysign(math.inf, x), "infinite"
        else:
            normal = units >= 2**form.mantissa_bits
            field = power + form.bias if normal else 0
            fraction = units - 2**form.mantissa_bits if normal else units
            value = math.copysign(math.ldexp(units, power - form.mantissa_bits), x)
            kind = "normal" if normal else "subnormal" if units else "zero"
    return Float(
        format=form,
        sign=str(sign),
        exponent=f"{field:0{form.exponent_bits}b}",
        mantissa=f"{fraction:0{form.mantissa_bits}b}",
        value=value,
        kind=kind,
    )


def int8(x: float, absmax: float) -> Level:
    """Return `x` in a row whose largest magnitude is `absmax`: 255 even steps."""
    absmax = _block(x, absmax)
    index = round(x / absmax * 127)
    share = index / 127
    return Level(
        name="int8",
        index=index,
        bits=f"{index & 0xFF:08b}",  # two's complement
        share=share,
        value=share * absmax,
        absmax=absmax,
    )


def nf4(x: float, absmax: float) -> Level:
    """Return `x` in a block of 64 whose largest magnitude is `absmax`: the nearest of 16 levels."""
    absmax = _block(x, absmax)
    index = min(range(16), key=lambda i: abs(NF4_LEVELS[i] - x / absmax))
    share = NF4_LEVELS[index]
    return Level(
        name="nf4",
        index=index,
        bits=f"{index:04b}",
        share=share,
        value=share * absmax,
        absmax=absmax,
    )


def _block(x: float, absmax: float) -> float:
    """Return the block's absmax with this number in it."""
    if not math.isfinite(x):
        raise LabError(
            "no_number",
            f"a block has no scale with {x} in it",
            field="number",
            value=x,
            allowed="1.001, -0.5, 70000, 1e-8",
        )
    return max(abs(x), abs(absmax)) or 1.0
