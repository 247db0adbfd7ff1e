"""One measured line: how many of how many, its 95 % interval (Wilson, 1927), what is asked."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """A skill with its count; `at_least` and `at_most` are shares, None where it is reported."""

    effect: str
    name: str
    right: int
    total: int
    at_least: float | None = None
    at_most: float | None = None

    @property
    def share(self) -> float:
        """The share right."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share."""
        return wilson(self.right, self.total)

    @property
    def fails(self) -> bool:
        """True where the whole interval lies on the wrong side."""
        low, high = self.interval
        too_low = self.at_least is not None and high < self.at_least
        return too_low or (self.at_most is not None and low > self.at_most)

    @property
    def reached(self) -> bool:
        """True where the share itself meets what is asked."""
        enough = self.at_least is None or self.share >= self.at_least
        return enough and (self.at_most is None or self.share <= self.at_most)

    @property
    def asked(self) -> str:
        """What is asked, in words."""
        if self.at_least is not None:
            return f"at least {100 * self.at_least:.0f} %"
        return f"at most {100 * self.at_most:.0f} %" if self.at_most is not None else "reported"


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    p, n = right / total, total
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def line(
    effect: str,
    name: str,
    verdicts: Iterable[bool],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Line:
    """Count verdicts."""
    held = list(verdicts)
    return Line(
        effect=effect,
        name=name,
        right=sum(held),
        total=len(held),
        at_least=at_least,
        at_most=at_most,
    )
