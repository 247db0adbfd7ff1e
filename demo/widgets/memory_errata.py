"""What the course says of memory that is wrong or outlived, with figures, and proofs run live."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from html import escape
from typing import TYPE_CHECKING, cast

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from demo.events import QUIET
from demo.jobs import turns
from demo.widgets import marks
from demo.widgets.fold import table
from demo.widgets.memory_stack import RECORDED
from demo.words import Words

if TYPE_CHECKING:
    from backend.loading_proofs import Proof

# which lines of the course each is about
LINES = {
    "18": "213, 869",
    "19": "922",
    "20": "922, 1139",
    "20b": "881",
    "20c": "898",
    "20d": "896",
    "20e": "883",
    "20f": "885",
    "20g": "889, 894",
    "20h": "944–1101",
}
PROOFS = 4
PROGRESS_S = 0.5  # also how soon it is seen that somebody has left
HEADS = ("lines", "holds")


def errata_panel(lab: Lab, words: Words) -> None:
    """Draw the list and the button that runs the proofs, inside the current fold."""
    gr.HTML(errata(words), elem_id="memory-errata-list")
    go = gr.Button(words("memory.prove"), elem_id="memory-prove")
    told = gr.HTML(marks.say(), elem_id="memory-proof-status")
    shown = gr.HTML(elem_id="memory-proofs")

    async def prove() -> AsyncIterator[dict]:
        from backend.loading_proofs import proofs

        made: list[object] = []

        async def run() -> object:
            async with contextlib.aclosing(turns(lab, proofs, person="")) as updates:
                async for items in updates:
                    made.extend(items)
            return tuple(made)

        # each loads models on the model thread: once for all who ask
        asked = asyncio.create_task(lab.cells.get("loading proofs", run))
        try:
            while not (await asyncio.wait({asked}, timeout=PROGRESS_S))[0]:
                yield {told: marks.say(words("memory.proving", n=len(made), all=PROOFS))}
            found = cast("tuple[Proof, ...]", asked.result())
            listed = "".join(
                f"<li>{escape(words(f'memory.proof_{name}', **values))}</li>"
                for name, values in found
            )
            head = marks.heading(words("memory.proofs"), words, "measured")
            yield {told: marks.say(), shown: f'{head}<ul class="flips">{listed}</ul>'}
        except LabError as error:
            yield {told: marks.say(words.error(error), bad=True)}
        finally:
            asked.cancel()

    go.click(prove, None, [told, shown], **QUIET)


def errata(words: Words) -> str:
    """The list: the course's lines, and what holds instead."""
    whole = RECORDED["fp32"][0]
    ratios = {name: f"{a / whole:.3f}" for name, (a, _) in RECORDED.items()}
    values: dict[str, dict[str, object]] = {
        "20": {
            **{name.replace("-", "_"): ratio for name, ratio in ratios.items()},
            "times_4": f"{whole / RECORDED['fp4'][0]:.2f}",
            "times_dq": f"{whole / RECORDED['nf4-dq'][0]:.2f}",
            "times_peak": f"{whole / RECORDED['fp4'][1]:.1f}",
        },
        "20e": {"huge": 2**100},
    }
    heads = "".join(f'<th scope="col">{escape(words(f"memory.col_{c}"))}</th>' for c in HEADS)
    rows = "".join(
        f'<tr><th scope="row">{lines}</th>'
        f'<td class="text">{escape(words(f"memory.e{key}", **values.get(key, {})))}</td></tr>'
        for key, lines in LINES.items()
    )
    return table(words("memory.errata"), f"<tr>{heads}</tr>{rows}")
