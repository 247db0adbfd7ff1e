"""What a job on the model thread yields, awaited whole; and which prompts such a job takes."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from backend.errors import LabError
from backend.lab import Lab
from demo.jobs import turns

if TYPE_CHECKING:
    from backend.scheduler import Job

Result = TypeVar("Result")
SHORT_BYTES = 1000  # of a prompt that a job may read whole at every turn


async def results(
    lab: Lab, job: "Job", model: str, kind: type[Result], *, person: str
) -> list[Result]:
    """Return what the job yields, all of one kind. Raises LabError.

    No thread waits for it; cancelling it ends the job at its next turn.
    """
    found: list[Result] = []
    async with contextlib.aclosing(turns(lab, job, model, person=person)) as updates:
        async for items in updates:
            found += [item for item in items if isinstance(item, kind)]
    return found


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
