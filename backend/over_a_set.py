"""Success over a set instead of one lucky sample: many prompts, a count, its interval."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from backend.lab import Lab
from backend.types import Constraint, Generation, Message, SamplingParams, Schema, TokenStep
from backend.updates import generation
from pocket.lines import wilson

AT_ONCE = 4  # requests of one press of a button, where a person's limit is not less


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many of how many."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """The share right; 0 of an empty set."""
        return self.right / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share (Wilson, 1927); all of [0, 1] for an empty set."""
        return wilson(self.right, self.total) if self.total else (0.0, 1.0)


async def answers(
    lab: Lab,
    prompts: Sequence[str | Sequence[Message]],
    params: SamplingParams | Sequence[SamplingParams],
    *,
    person: str = "",
    tools: Sequence[Schema] = (),
    constraint: Constraint | None = None,
    **request_fields: str,
) -> AsyncGenerator[tuple[int, Generation] | None, None]:
    """Yield (index, Generation) in the order in which they end, None once a second meanwhile.

    `params` is one for all or one for each; `prompt_tokens` is not counted here and stays 0.
    The set takes turns within its person's limits. Closing it frees what runs. Raises LabError of
    the first that is refused.
    """
    at_once = min(AT_ONCE, lab.limits.running) if person else AT_ONCE
    each = [params] * len(prompts) if isinstance(params, SamplingParams) else list(params)
    waiting = iter(range(len(prompts)))
    running: dict[asyncio.Task[Generation], int] = {}

    async def one(i: int) -> Generation:
        steps: list[TokenStep] = []
        updates = lab.aupdates(
            prompts[i],
            each[i],
            update_s=1.0,
            patient=True,
            tools=tuple(tools),
            constraint=constraint,
            person=person,
            **request_fields,
        )
        async with contextlib.aclosing(updates):
            async for update in updates:
                steps.extend(update.steps)
        return generation(steps, 0)

    try:
        while True:
            while len(running) < at_once and (i := next(waiting, None)) is not None:
                running[asyncio.create_task(one(i))] = i
            if not running:
                return
            done, _ = await asyncio.wait(running, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                yield None
            for task in done:
                yield running.pop(task), task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
