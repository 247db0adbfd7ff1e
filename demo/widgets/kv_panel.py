"""The KV cache on and off: milliseconds of every step, drawn as it grows."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
from gradio.components import Component

from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.job_results import short
from demo.jobs import turns
from demo.widgets import marks
from demo.widgets.memory_stack import size
from demo.words import Words

if TYPE_CHECKING:
    from backend.kv_speed import Pair

NEW_TOKENS = 160
SPAN = 4  # steps to each side of a running minimum
W, H, LEFT, BOTTOM = 520, 200, 64, 24  # of the drawing


def kv_panel(lab: Lab, identity: Identity, words: Words, prompt: Component) -> None:
    """Draw the panel inside the current fold; it measures on the loaded model."""
    gr.Markdown(words("memory.kv_what"))
    with gr.Row():
        go = gr.Button(words("memory.kv_go", n=NEW_TOKENS), elem_id="memory-kv")
        stop = gr.Button(words("stop"), elem_id="memory-kv-stop")
    told = gr.HTML(marks.say(), elem_id="memory-kv-status")
    shown = gr.HTML(elem_id="memory-kv-result")

    async def run(text: str, request: gr.Request) -> AsyncIterator[dict]:
        from backend.kv_speed import Pair, kv_speed_job

        pairs, person = list[Pair](), person_of(identity, request)
        try:
            job = kv_speed_job(await short(lab, text, ""), NEW_TOKENS)
            async with contextlib.aclosing(turns(lab, job, person=person)) as updates:
                async for items in updates:
                    pairs += [item for item in items if isinstance(item, Pair)]
                    drawn = {shown: kv_html(pairs, words)} if len(pairs) > 1 else {}
                    yield {told: marks.say(words("generate.running", n=len(pairs))), **drawn}
            yield {told: marks.say(words("memory.kv_done"))}
        except LabError as error:
            yield {told: marks.say(words.error(error), bad=True)}

    started = go.click(run, prompt, [told, shown], **QUIET)
    when_stopped(stop, [started], lambda: marks.say(words("reason.cancelled")), [], [told])


def kv_html(pairs: "Sequence[Pair]", words: Words) -> str:
    """Draw both ways' milliseconds over the position, and say the figures."""
    cached, whole = (
        smooth([p.cached_s * 1e3 for p in pairs]),
        smooth([p.whole_s * 1e3 for p in pairs]),
    )
    top = max(*whole, *cached) * 1.1
    first, last = pairs[0].position, pairs[-1].position

    def line(values: Sequence[float]) -> str:
        step = (W - LEFT) / max(len(values) - 1, 1)
        return " ".join(
            f"{LEFT + i * step:.1f},{H - BOTTOM - min(v / top, 1) * (H - BOTTOM - 8):.1f}"
            for i, v in enumerate(values)
        )

    on, off = len(cached) / sum(cached) * 1e3, len(whole) / sum(whole) * 1e3
    ratio = sum(whole) / sum(cached)
    label = words(
        "memory.kv_label",
        on=f"{on:.0f}",
        off=f"{off:.0f}",
        ratio=f"{ratio:.1f}",
        n=len(pairs),
        bytes=size(pairs[-1].kv_bytes),
        positions=last,
    )
    same = words("memory.kv_same" if all(p.same for p in pairs) else "memory.kv_not_same")
    return (
        marks.heading(words("memory.kv_head"), words, "measured")
        + f'<svg class="kvlines" viewBox="0 0 {W} {H}" role="img" aria-label="{escape(label)}">'
        f'<path d="M{LEFT} 8V{H - BOTTOM}H{W}"/>'
        f'<text x="{LEFT - 6}" y="16" text-anchor="end">{top:.1f} ms</text>'
        f'<text x="{LEFT}" y="{H - 6}">{first}</text>'
        f'<text x="{W}" y="{H - 6}" text-anchor="end">{last}</text>'
        f'<polyline class="off" points="{line(whole)}"/>'
        f'<polyline class="on" points="{line(cached)}"/></svg>'
        f'<div class="src"><span class="kvkey off"></span>{escape(words("memory.kv_off"))} '
        f'<span class="kvkey on"></span>{escape(words("memory.kv_on"))}</div>'
        f"<p>{escape(label)} {escape(same)}</p>"
    )


def smooth(values: Sequence[float]) -> list[float]:
    """Return the running minimum: what else the machine does only ever adds to a step."""
    return [min(values[max(i - SPAN, 0) : i + SPAN + 1]) for i in range(len(values))]
