"""A calculator without eval: an own parser for + - * / // % **, brackets and decimal numbers.

Exact (fractions); a power is refused before it is worked out when its result would be too long, so
every text, a model's too, is answered or refused within milliseconds.
"""

import re
import unicodedata
from fractions import Fraction

from backend.errors import LabError

LONGEST = 200  # characters
DEEPEST = 40  # brackets, signs and powers inside each other
MOST_DIGITS = 100  # of any number on the way
SHOWN_DIGITS = 12  # of a result that has no short exact form
MOST_BITS = int(MOST_DIGITS * 3.33)
TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]*)?|\.[0-9]+)|(\*\*|//|[-+*/%()]))")
SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-", "^": "**"})


def calculate(expression: str) -> str:
    """Return the value of an expression, exact where it is short, else to 12 digits.

    Raises LabError: calculator_long, _syntax, _unfinished, _deep, _zero, _large, _power.
    """
    return shown(_Parser(tokens(expression)).whole())


def tokens(expression: str) -> list[str]:
    """Split an expression into numbers, operators and brackets. Raises LabError."""
    if len(expression) > LONGEST:
        raise LabError(
            "calculator_long",
            f"the expression has {len(expression)} characters, at most {LONGEST} are read",
            value=len(expression),
            allowed=LONGEST,
        )
    # a raised digit stays as it is, and is refused: NFKC makes 32 of 3²
    plain = "".join(c if raised(c) else unicodedata.normalize("NFKC", c) for c in expression)
    text = plain.translate(SIGNS).rstrip()
    found, at = list[str](), 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise _not_understood(text[at:].lstrip()[:20])
        found.append(match[1] or match[2])
        at = match.end()
    return found


def raised(character: str) -> bool:
    """True for a character written above or below the line, such as ²."""
    return unicodedata.decomposition(character).startswith(("<super>", "<sub>"))


def shown(value: Fraction) -> str:
    """Write a number: whole, a short decimal, or rounded."""
    if value.denominator == 1:
        return str(value.numerator)
    left = value.denominator
    for prime in (2, 5):
        while left % prime == 0:
            left //= prime
    digits = f"{float(value):.{SHOWN_DIGITS}g}"
    exact = left == 1 and Fraction(digits) == value
    return digits if exact else f"{digits} (rounded)"


class _Parser:
    """Recursive descent, Python's precedence: sum, product, sign, power, number or brackets."""

    def __init__(self, found: list[str]) -> None:
        self._tokens, self._at, self._depth = found, 0, 0

    def whole(self) -> Fraction:
        value = self._sum()
        if self._next:
            raise _not_understood(self._next)
        return value

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._next
        if token not in wanted:
            return ""
        self._at += 1
        return token

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._take("+", "-"):
            other = self._product()
            value = held(value + other if sign == "+" else value - other)
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while sign := self._take("*", "/", "//", "%"):
            other = self._signed()
            if sign != "*" and other == 0:
                raise LabError("calculator_zero", "division by zero")
            if sign == "*":
                value = held(value * other)
            elif sign == "/":
                value = held(value / other)
            else:
                value = held(Fraction(value // other) if sign == "//" else value % other)
        return value

    def _signed(self) -> Fraction:
        self._deeper()
        if sign := self._take("+", "-"):
            value = self._signed()
            value = -value if sign == "-" else value
        else:
            value = self._number()
            if self._take("**"):
                value = _power(value, self._signed())
        self._depth -= 1
        return value

    def _number(self) -> Fraction:
        if self._take("("):
            value = self._sum()
            if not self._take(")"):
                raise _not_understood(self._next)
            return value
        token = self._next
        if not token or not (token[0].isdigit() or token[0] == "."):
            raise _not_understood(token)
        self._at += 1
        return held(Fraction(token.rstrip(".") if token[0] != "." else f"0{token}"))

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise LabError(
                "calculator_deep",
                f"more than {DEEPEST} brackets, signs or powers inside each other",
                allowed=DEEPEST,
            )


def _not_understood(token: str) -> LabError:
    if not token:
        return LabError("calculator_unfinished", "the expression ends too early")
    return LabError(
        "calculator_syntax",
        f"the expression is not understood at {token!r}",
        "Write numbers, + - * / // % ** and brackets",
        value=token,
    )


def held(value: Fraction) -> Fraction:
    """Return a number that is short enough. Raises LabError: calculator_large."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise LabError(
            "calculator_large",
            f"a number on the way has more than {MOST_DIGITS} digits",
            allowed=MOST_DIGITS,
        )
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise LabError("calculator_power", "an exponent must be a whole number")
    if base == 0 and exponent < 0:
        raise LabError("calculator_zero", "division by zero")
    if abs(base) == 1 or base == 0:
        return base ** int(exponent % 2 + 2) if exponent else Fraction(1)
    # the longer of numerator and denominator grows by at least (bits - 1) with each factor
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if bits * abs(exponent) > MOST_BITS:
        return held(Fraction(1 << (MOST_BITS + 1)))
    return held(base ** int(exponent))
