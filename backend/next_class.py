"""What one class leaves behind, forgotten before the next one comes."""

from typing import TYPE_CHECKING

from backend.errors import LabError

if TYPE_CHECKING:
    from backend.lab import Lab


def begin(lab: "Lab") -> None:
    """End what runs and waits; forget votes, suggestion, closed tabs, shared results and people.

    Models and limits stay, and so do Prometheus's counters, which only ever grow.
    """
    lab.engine.end_all(
        LabError(
            "class_reset",
            "the teacher has begun the next class",
            "Run it again",
            status=503,
            retry_after_s=1,
        )
    )
    lab.classroom.reset()
    lab.cells.clear()
    lab.metrics.forget_people()
