"""Ask for several sequences at once, and see what one step of the model costs for all of them."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from html import escape

from backend.lab import Lab
from backend.types import SamplingParams
from demo.waiting import waiting_text
from demo.widgets import marks
from demo.widgets.fold import table
from demo.widgets.machine_now import rate, seconds
from demo.words import Words

PROMPT = "Tell me a story about a dragon."
ROWS = (1, 2, 4, 8, 16)
NEW_TOKENS = 40


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of so many rows; the steps are those after the first token."""

    rows: int
    first_s: float  # from asking to the first token, waiting included
    step_s: float  # from one token of a row to its next
    tokens: int
    took_s: float

    @property
    def tokens_per_s(self) -> float:
        """Of all rows together, from the first token on."""
        return self.rows / self.step_s


async def measured(
    lab: Lab, rows: int, words: Words, *, person: str
) -> AsyncIterator[str | Measured]:
    """Yield what it waits for, then the measurement. Raises LabError."""
    params = SamplingParams(
        do_sample=True,
        temperature=100.0,  # any token: the end is as rare as all others
        num_return_sequences=rows,
        max_new_tokens=max(2, min(NEW_TOKENS, lab.settings.max_new_tokens)),  # one has no step
        seed=1,
        num_alternatives=0,
    )
    began_s, first_s, counts, last_s = time.perf_counter(), 0.0, [0] * rows, 0.0
    updates = lab.aupdates(
        PROMPT, params, person=person, operation="generate", update_s=0.0, patient=True
    )
    async with contextlib.aclosing(updates):
        async for update in updates:
            if update.waiting:
                yield waiting_text(update, words)
            for step in update.steps:
                last_s = time.perf_counter() - began_s
                first_s = first_s or last_s
                counts[step.row] += 1
    yield Measured(
        rows=rows,
        first_s=first_s,
        step_s=(last_s - first_s) / max(max(counts) - 1, 1),
        tokens=sum(counts),
        took_s=last_s,
    )


def runs_html(runs: Mapping[int, Measured], words: Words) -> str:
    """A table of what was measured, by rows, each against one row."""
    if not runs:
        return marks.say(words("monitor.runs_none"))
    keys = ("rows", "first", "step", "each", "all", "times")
    heads = "".join(f'<th scope="col">{escape(words(f"monitor.col_{key}"))}</th>' for key in keys)
    drawn, one = f"<tr>{heads}</tr>", runs.get(1)
    for n in sorted(runs):
        run = runs[n]
        times = f"{run.tokens_per_s / one.tokens_per_s:.1f}" if one else "–"
        cells = (
            seconds(run.first_s),
            seconds(run.step_s),
            rate(1 / run.step_s),
            rate(run.tokens_per_s),
            times,
        )
        drawn += f'<tr><th scope="row">{n}</th>'
        drawn += "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    return table(words("monitor.runs"), drawn)
