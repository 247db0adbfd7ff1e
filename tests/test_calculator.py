"""The calculator agrees with Python where it answers, and refuses the rest at once."""

import contextlib
import random
import time
from fractions import Fraction

import pytest

from backend.calculator import DEEPEST, LONGEST, MOST_DIGITS, calculate
from backend.errors import LabError
from demo.words import LANGS, words


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12*34", "408"),
        ("2+3*4", "14"),
        ("(2+3)*4", "20"),
        ("-2**2", "-4"),
        ("2**3**2", "512"),
        ("2**-1", "0.5"),
        ("0.1+0.2", "0.3"),
        ("7//2 + 7%2", "4"),
        ("-7//2", "-4"),
        ("1/3", "0.333333333333 (rounded)"),
        ("１２×３", "36"),
        ("8÷2", "4"),
        ("2^10", "1024"),
        (".5+1.", "1.5"),
        ("(-1)**99999999999999", "-1"),
        ("1**(10**50)", "1"),
        ("0**0", "1"),
        ("5 - - 3", "8"),
    ],
)
def test_values(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("9**9**9", "calculator_large"),
        ("9**9**9**9**9**9", "calculator_large"),
        ("2**-99999999", "calculator_large"),
        ("1.5**99999", "calculator_large"),
        ("*".join(["99999999999999999999"] * 9), "calculator_large"),
        ("1" * (MOST_DIGITS + 5), "calculator_large"),
        ("1" * 1_000_000, "calculator_long"),
        ("(" * 90 + "1" + ")" * 90, "calculator_deep"),
        ("-" * 150 + "1", "calculator_deep"),
        ("1" + "**1" * 60, "calculator_deep"),
        ("(" * 500_000, "calculator_long"),
        ("1/0", "calculator_zero"),
        ("1//0", "calculator_zero"),
        ("1%(2-2)", "calculator_zero"),
        ("0**-1", "calculator_zero"),
        ("2**0.5", "calculator_power"),
        ("__import__('os').system('ls')", "calculator_syntax"),
        ("().__class__", "calculator_syntax"),
        ("abs(1)", "calculator_syntax"),
        ("1 if 1 else 2", "calculator_syntax"),
        ("1;2", "calculator_syntax"),
        ("1e9", "calculator_syntax"),
        ("0x10", "calculator_syntax"),
        ("7+5=12", "calculator_syntax"),
        ("", "calculator_unfinished"),
        ("  ", "calculator_unfinished"),
        ("()", "calculator_syntax"),
        ("(1", "calculator_unfinished"),
        ("1)", "calculator_syntax"),
        ("1 2", "calculator_syntax"),
        ("1+", "calculator_unfinished"),
        ("1\x002", "calculator_syntax"),
        ("\ud800", "calculator_syntax"),
        ("٣+٤", "calculator_syntax"),
        ("3²", "calculator_syntax"),  # not 32
        ("2⁻¹", "calculator_syntax"),
        ("10₂", "calculator_syntax"),
    ],
)
def test_refusals_are_fast_and_translated(expression: str, code: str) -> None:
    begun = time.thread_time()
    with pytest.raises(LabError) as raised:
        calculate(expression)
    assert time.thread_time() - begun < 0.05
    assert raised.value.code == code
    for lang in LANGS:
        said = words(lang).error(raised.value)
        assert said == words(lang)._texts[f"errors.{code}"].format_map(raised.value.values)


def test_random_expressions_agree_with_python() -> None:
    r = random.Random(0)

    def some(depth: int) -> str:
        if depth == 0 or r.random() < 0.2:
            return str(r.randint(0, 99))
        sign = r.choice(("+", "-", "*", "/", "//", "%"))
        text = f"{some(depth - 1)}{sign}{some(depth - 1)}"
        return f"({text})" if r.random() < 0.5 else text

    def exactly(text: str) -> Fraction:
        numbers = "".join(f" {c} " if not c.isdigit() else c for c in text).split()
        wrapped = "".join(f"Fraction({n})" if n.isdigit() else n for n in numbers)
        return Fraction(eval(wrapped.replace("/  /", "//"), {"Fraction": Fraction}))

    compared = 0
    for _ in range(400):
        text = some(3)
        try:
            wanted = exactly(text)
        except ZeroDivisionError:
            with pytest.raises(LabError, match="division by zero"):
                calculate(text)
            continue
        got = Fraction(calculate(text).removesuffix(" (rounded)"))
        assert abs(got - wanted) <= abs(wanted) * Fraction(1, 10**11), text
        compared += 1
    assert compared > 200


def test_any_text_is_answered_or_refused_at_once() -> None:
    r = random.Random(1)
    slowest = 0.0
    for _ in range(500):
        text = "".join(r.choice("0123456789+-*/%().") for _ in range(r.randint(1, LONGEST)))
        begun = time.thread_time()
        with contextlib.suppress(LabError):
            calculate(text)
        slowest = max(slowest, time.thread_time() - begun)
    assert slowest < 0.05
    assert DEEPEST < 100  # far from Python's own recursion limit
