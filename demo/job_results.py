"""What a short job on the model thread yields, awaited whole."""

import asyncio
from typing import TYPE_CHECKING, TypeVar

from backend.lab import Lab

if TYPE_CHECKING:
    from backend.scheduler import Job

Result = TypeVar("Result")


async def results(lab: Lab, job: "Job", model: str, kind: type[Result]) -> list[Result]:
    """Return what the job yields, all of one kind. Raises LabError.

    For jobs of a few dozen forwards: one whose reader has left is ended by nobody.
    """
    found = await asyncio.to_thread(lambda: list(lab.run(job, model)))
    return [result for result in found if isinstance(result, kind)]
