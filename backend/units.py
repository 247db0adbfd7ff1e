"""Units of length, mass and temperature, exact as defined (the inch is 0.0254 m)."""

from fractions import Fraction

from backend.calculator import held, shown
from backend.errors import LabError

LENGTH = {
    "mm": "0.001", "cm": "0.01", "m": "1", "km": "1000",
    "inch": "0.0254", "foot": "0.3048", "yard": "0.9144", "mile": "1609.344",
}  # fmt: skip
MASS = {"g": "1", "kg": "1000", "ounce": "28.349523125", "pound": "453.59237"}
DEGREES = {"C": ("1", "273.15"), "F": ("5/9", "459.67"), "K": ("1", "0")}  # scale, zero in degrees
UNITS = (*LENGTH, *MASS, *DEGREES)


def converted(value: float, unit: str, into: str) -> str:
    """Return a value in another unit. Raises LabError: unit_unknown, unit_kinds, _large."""
    for name in (unit, into):
        if name not in UNITS:
            allowed = ", ".join(UNITS)
            raise LabError(
                "unit_unknown",
                f"the unit {name[:40]!r} is not known; known are {allowed}",
                value=name[:40],
                allowed=allowed,
            )
    number = held(Fraction(str(value)))
    for table in (LENGTH, MASS):
        if unit in table and into in table:
            return shown(number * Fraction(table[unit]) / Fraction(table[into]))
    if unit in DEGREES and into in DEGREES:
        (scale, zero), (other, zero_there) = (
            (Fraction(a), Fraction(b)) for a, b in (DEGREES[unit], DEGREES[into])
        )
        return shown((number + zero) * scale / other - zero_there)
    raise LabError("unit_kinds", f"{unit} cannot be converted into {into}", value=unit, into=into)
