"""Groups of prompts answered one after another and judged: how many right, ended, how long."""

import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.types import Generation, Message, SamplingParams

REDRAW_S = 0.3


@dataclass(kw_only=True)
class Group:
    """The prompts of one row, who judges its answers, and what has been counted so far."""

    name: str
    model: str
    prompts: Sequence[str | Sequence[Message]]
    judge: Callable[[int, str], bool]
    params: SamplingParams | Sequence[SamplingParams] | None = None  # None: those of all
    said: dict[int, Generation] = field(default_factory=dict)
    right: int = 0

    @property
    def rate(self) -> Rate:
        """How many of those answered so far are right."""
        return Rate(right=self.right, total=len(self.said))

    @property
    def ended(self) -> Rate:
        """How many of those answered so far ended by themselves right after their first line."""
        ends = (
            g.finish_reason == "stop" and "\n" not in g.text.strip() for g in self.said.values()
        )
        return Rate(right=sum(ends), total=len(self.said))

    @property
    def new_tokens(self) -> float:
        """The mean number of new tokens, the end token counted in."""
        return sum(len(g.steps) for g in self.said.values()) / max(len(self.said), 1)


async def run_groups(
    lab: Lab, groups: Sequence[Group], params: SamplingParams, *, person: str
) -> AsyncGenerator[tuple[int, int], None]:
    """Fill the groups; yield (answers so far, answers in all) a few times a second.

    Closing it ends what runs. Raises LabError.
    """
    total, drawn_at = sum(len(group.prompts) for group in groups), 0.0
    done = 0
    for group in groups:
        own = group.params or params
        running = answers(
            lab, group.prompts, own, model=group.model, person=person, operation="generate"
        )
        async with contextlib.aclosing(running):
            async for found in running:
                if found:
                    i, said = found
                    group.said[i] = said
                    group.right += group.judge(i, said.text)
                    done += 1
                now = time.perf_counter()
                if not found or now - drawn_at > REDRAW_S:
                    drawn_at = now
                    yield done, total
    yield done, total
