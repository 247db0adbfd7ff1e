"""The limits that a teacher changes while the lab runs; a restart brings the first ones back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from backend.errors import LabError

if TYPE_CHECKING:
    from backend.lab import Lab

# per person: requests running, waiting, rows in both; for all: LAB_MAX_NEW_TOKENS, LAB_MAX_STREAMS
RANGES: Mapping[str, tuple[int, int]] = {
    "running": (1, 100),
    "waiting": (0, 100),
    "rows": (1, 4096),
    "max_new_tokens": (1, 1_000_000),
    "max_streams": (1, 4096),
}


def current(lab: "Lab") -> dict[str, int]:
    """Return the limits that hold now."""
    held, settings = lab.limits, lab.settings
    values = (held.running, held.waiting, held.rows, settings.max_new_tokens, settings.max_streams)
    return dict(zip(RANGES, values))


def change(lab: "Lab", wanted: Mapping[str, str]) -> None:
    """Set all limits, or none where one is wrong; what runs goes on. Raises LabError."""
    values = {name: _whole(name, wanted[name]) for name in RANGES}
    lab.limits = replace(
        lab.limits,
        running=values["running"],
        waiting=values["waiting"],
        rows=values["rows"],
    )
    lab.settings = replace(
        lab.settings,
        max_new_tokens=values["max_new_tokens"],
        max_streams=values["max_streams"],
    )
    lab.engine.set_limits(lab.limits, lab.settings.max_streams)


def _whole(name: str, value: str) -> int:
    low, high = RANGES[name]
    text = value.strip()
    if not (len(text) < 12 and text.isascii() and text.isdigit() and low <= int(text) <= high):
        allowed, shown = f"{low} to {high}", value[:40]
        message = f"{name} must be in [{low}, {high}], got {shown!r}"
        raise LabError("out_of_range", message, field=name, value=shown, allowed=allowed)
    return int(text)
