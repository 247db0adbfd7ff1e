"""What a short job on the model thread yields, awaited whole."""

import asyncio
from typing import TYPE_CHECKING, TypeVar

from backend.errors import LabError
from backend.lab import Lab

if TYPE_CHECKING:
    from backend.scheduler import Job

Result = TypeVar("Result")
SHORT_BYTES = 1000  # of a prompt that a job may read whole at every turn


async def results(lab: Lab, job: "Job", model: str, kind: type[Result]) -> list[Result]:
    """Return what the job yields, all of one kind. Raises LabError.

    For jobs of a few dozen forwards: one whose reader has left is ended by nobody.
    """
    found = await asyncio.to_thread(lambda: list(lab.run(job, model)))
    return [result for result in found if isinstance(result, kind)]


async def short(lab: Lab, prompt: str, model: str) -> str:
    """Return a prompt that a job may take: one the lab accepts, and not long. Raises LabError."""
    await asyncio.to_thread(lab.tokenize, prompt, model)
    size = len(prompt.encode())
    if size > SHORT_BYTES:
        raise LabError(
            "prompt_too_large",
            f"{size} bytes are too many here",
            f"Send at most {SHORT_BYTES} bytes",
            field="prompt",
            value=size,
            allowed=SHORT_BYTES,
        )
    return prompt
