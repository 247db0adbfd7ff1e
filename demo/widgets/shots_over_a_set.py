"""What examples do, over sentences that training never saw: counts with their intervals."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.shots import (
    CONTENT,
    KINDS,
    Kind,
    Shot,
    answer_of,
    as_text,
    as_turns,
    conditions,
    last_of,
)
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.set_runs import Group, run_groups
from demo.widgets.set_views import Row, apart, rows_html
from demo.widgets.shot_editor import used_shots
from demo.words import Words
from pocket.sentences import PAIRS, Pair

BASE, CHAT = "pocket-base", "pocket-chat"
COMPARISONS = ("models", "form", *KINDS, "seeds")
ITEMS = (10, 20, 40, 100)
PREDICTED = 20  # sentences a row behind the predict question
GREEDY = SamplingParams(max_new_tokens=40, num_alternatives=0)
ONE_LINE = SamplingParams(max_new_tokens=40, num_alternatives=0, stop=("\n",))
DRAWN = replace(ONE_LINE, do_sample=True)  # temperature 1, nothing cut off
TRANSLATED = next(pair.japanese for pair in PAIRS if pair.english == CONTENT)


@dataclass(kw_only=True)
class Compared:
    """The last comparison of a page: what was compared, with which examples of the learner's."""

    kind: str = ""
    shots: tuple[Shot, ...] = ()
    rows: list[Row] = field(default_factory=list)


def rows_of(kind: str, shots: Sequence[Shot], pairs: Sequence[Pair]) -> list[Row]:
    """Return the rows of a comparison over some sentences, nothing answered yet."""
    questions = [pair.english for pair in pairs]

    def right(i: int, said: str) -> bool:
        return answer_of(said)[0] == pairs[i].japanese

    def row(name: str, detail: object, model: str, prompts: Sequence[object]) -> Row:
        group = Group(name=name, model=model, prompts=prompts, judge=right)  # type: ignore[arg-type]
        return Row(name=name, detail=str(detail), group=group)

    if kind == "models":
        counts = sorted({0, min(1, len(shots)), len(shots)})
        return [
            row(model, n, model, [as_text(last_of(shots, n), q) for q in questions])
            for model in (BASE, CHAT)
            for n in counts
        ]
    if kind == "form":
        text = [as_text(shots, q) for q in questions]
        return [
            row("base_text", len(shots), BASE, text),
            row("chat_text", len(shots), CHAT, text),
            row("chat_turns", len(shots), CHAT, [as_turns(shots, q) for q in questions]),
        ]
    if kind == "seeds":
        found = [
            row("seeds", n, BASE, [as_text(last_of(shots, n), CONTENT)] * len(pairs))
            for n in sorted({0, min(1, len(shots)), len(shots)})
        ]
        for drawn in found:
            drawn.group.judge = lambda i, said: answer_of(said)[0] == TRANSLATED
            drawn.group.params = [replace(DRAWN, seed=i) for i in range(len(pairs))]
        return found
    known: Kind = kind  # type: ignore[assignment]  # the radio offers no other
    return [row(c.name, c.detail, BASE, c.prompts) for c in conditions(known, questions)]


def sentences(n: int) -> list[Pair]:
    """Return the first n sentences of the card's held-out set."""
    from pocket.measure import held_out_pairs  # brings torch

    return held_out_pairs(200)[:n]


def questions_of(kind: str, pairs: Sequence[Pair]) -> list[str]:
    """Return what was asked, one text an answer of a row."""
    return [CONTENT] * len(pairs) if kind == "seeds" else [pair.english for pair in pairs]


@dataclass(frozen=True, kw_only=True)
class SetPanel:
    """What the tab needs of the panel."""

    compared: gr.State
    fields: dict[str, Component]
    running: list[Dependency]


def set_panel(lab: Lab, identity: Identity, words: Words, held: gr.Textbox) -> SetPanel:
    """Draw the card inside the current column; `held` are the learner's examples."""
    compared = gr.State(Compared())
    with gr.Column(elem_classes="card"):
        gr.HTML(marks.heading(words("shots.set_title"), words, "measured", words("level.core")))
        gr.Markdown(words("shots.set_text"))
        kind = gr.Radio(
            [(words(f"shots.kind_{name}"), name) for name in COMPARISONS],
            value=COMPARISONS[0],
            label=words("shots.kind"),
            elem_id="shots-kind",
        )
        with gr.Row(elem_classes="knobs"):
            items = gr.Radio(
                [str(n) for n in ITEMS],
                value="20",
                label=words("shots.items"),
                elem_id="shots-items",
            )
            go = gr.Button(
                words("shots.compare"),
                variant="primary",
                elem_classes="go",
                elem_id="shots-compare",
            )
            stop = gr.Button(words("stop"), elem_classes="go", elem_id="shots-set-stop")
        about = gr.HTML(about_html(words, COMPARISONS[0]), elem_id="shots-about")
        status = gr.HTML(marks.say(), elem_id="shots-set-status")
        result = gr.HTML(elem_id="shots-set-result")

    async def compare(
        c: Compared, name: str, n: str, text: str, request: gr.Request
    ) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("waiting.start"))}
            pairs = await asyncio.to_thread(sentences, int(n))
            c.kind, c.shots = name, used_shots(text)
            c.rows = await asyncio.to_thread(rows_of, name, c.shots, pairs)
            params = GREEDY if name == "form" else ONE_LINE
            groups = [row.group for row in c.rows]
            running = run_groups(lab, groups, params, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    yield {
                        status: marks.say(words("shots.set_running", n=done, total=total)),
                        result: rows_html(words, name, c.rows),
                    }
            told = words("shots.set_done", n=total, items=n)
            yield {
                status: marks.say(told),
                result: rows_html(words, name, c.rows, questions=questions_of(name, pairs)),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    started = go.click(compare, [compared, kind, items, held], [status, result], **QUIET)
    when_stopped(stop, [started], lambda: marks.say(words("reason.cancelled")), [], [status])
    kind.change(lambda name: about_html(words, name), kind, about, **QUIET)
    return SetPanel(compared=compared, fields={"compare": kind, "items": items}, running=[started])


async def labels_run(
    lab: Lab, person: str
) -> AsyncGenerator[tuple[int, int, dict[str, Rate]], None]:
    """Count right labels, wrong ones and no examples; yield (done, all, rates). LabError."""
    pairs = await asyncio.to_thread(sentences, PREDICTED)
    rows = [r for r in rows_of("labels", (), pairs) if r.name in ("right", "wrong", "none")]
    running = run_groups(lab, [r.group for r in rows], ONE_LINE, person=person)
    async with contextlib.aclosing(running):
        async for done, total in running:
            yield done, total, {r.name: r.group.rate for r in rows}


def label_truth(rates: Mapping[str, Rate]) -> str:
    """Return what the counts say of wrong labels: `same`, `between` or `none`."""
    if not apart(rates["right"], rates["wrong"]):
        return "same"
    return "between" if apart(rates["wrong"], rates["none"]) else "none"


def about_html(words: Words, kind: str) -> str:
    """Say what is compared, and what others have found."""
    return f'<p class="prose">{escape(words(f"shots.about_{kind}"))}</p>'
