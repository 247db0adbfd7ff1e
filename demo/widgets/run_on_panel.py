"""The run-on after the answer, and the course's four remedies side by side over a set."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape

import gradio as gr

from backend.constraint import regex
from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.shots import COURSE, answer_of, as_text, as_turns
from backend.types import Constraint, Generation, Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.constrained_panel import SENTENCE
from demo.widgets.fold import fold, table
from demo.widgets.rate_bar import rate_bars
from demo.words import Words
from pocket.sentences import Pair

BASE, CHAT = "pocket-base", "pocket-chat"
ITEMS = (10, 20, 40)
PLAIN = SamplingParams(max_new_tokens=48, num_alternatives=0)
HEADS = ("remedy", "tokens", "ended", "handed")


@dataclass(kw_only=True)
class Remedy:
    """One way to get the answer alone, and what it gave so far."""

    name: str
    model: str
    prompts: Sequence[str | Sequence[Message]]
    params: SamplingParams = PLAIN
    constraint: Constraint | None = None
    cut: bool = False  # keep the first line of what was generated
    said: dict[int, Generation] = field(default_factory=dict)

    def handed(self, i: int) -> str:
        """What the reader is handed of answer i."""
        text = self.said[i].text.strip()
        text = text.split("\n")[0].strip() if self.cut else text
        return text.removeprefix("Japanese:").strip() if self.name == "turns" else text

    def rate(self, pairs: Sequence[Pair]) -> Rate:
        """How many answers are the translation and nothing besides."""
        right = sum(self.handed(i) == pairs[i].japanese for i in self.said)
        return Rate(right=right, total=len(self.said))


def remedies(pairs: Sequence[Pair]) -> list[Remedy]:
    """Return the run-on and its four remedies, nothing answered yet."""
    text = [as_text(COURSE, pair.english) for pair in pairs]
    turns = [as_turns(COURSE, pair.english) for pair in pairs]
    nothing = Remedy(name="nothing", model=BASE, prompts=text)
    return [
        nothing,
        Remedy(name="turns", model=CHAT, prompts=turns),
        Remedy(name="stop", model=BASE, prompts=text, params=replace(PLAIN, stop=("\n",))),
        # the same texts, cut: they need not be generated again
        Remedy(name="cut", model=BASE, prompts=text, cut=True, said=nothing.said),
        Remedy(name="constraint", model=BASE, prompts=text, constraint=regex(SENTENCE),
               params=replace(PLAIN, max_new_tokens=128)),
    ]  # fmt: skip


async def answered(
    lab: Lab, found: Sequence[Remedy], *, person: str
) -> AsyncGenerator[tuple[int, int], None]:
    """Fill the remedies; yield (answers so far, answers in all). Raises LabError."""
    asked = [remedy for remedy in found if not remedy.cut]
    total = sum(len(remedy.prompts) for remedy in asked)
    for remedy in asked:
        running = answers(
            lab, remedy.prompts, remedy.params, model=remedy.model, person=person,
            operation="generate", constraint=remedy.constraint,
        )  # fmt: skip
        async with contextlib.aclosing(running):
            async for one in running:
                if one:
                    remedy.said[one[0]] = one[1]
                yield sum(len(r.said) for r in asked), total


def run_on_panel(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the panel."""
    with fold(words, "run_on.title", "core", "shots-run-on"):
        gr.Markdown(words("run_on.what"))
        size = gr.Radio(
            [(str(n), n) for n in ITEMS],
            value=ITEMS[0],
            label=words("run_on.items"),
            elem_id="shots-run-on-items",
        )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("run_on.go"), variant="primary", elem_id="shots-run-on-go")
            stop = gr.Button(words("stop"), elem_id="shots-run-on-stop")
        status = gr.HTML(marks.say(), elem_id="shots-run-on-status")
        view = gr.HTML(elem_id="shots-run-on-result")
        gr.Markdown(words("run_on.says"))

    async def run(n: int, request: gr.Request) -> AsyncIterator[dict]:
        from pocket.measure import held_out_pairs  # brings torch

        try:
            pairs = held_out_pairs(200)[: int(n)]
            found = remedies(pairs)
            yield {status: marks.say(words("waiting.start"))}
            running = answered(lab, found, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    yield {
                        status: marks.say(words("run_on.progress", n=done, total=total)),
                        view: remedies_html(words, found, pairs),
                    }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    started = go.click(run, size, [status, view], **QUIET)
    halted = marks.say(words("reason.cancelled"))
    when_stopped(stop, [started], lambda: halted, [], [status])


def remedies_html(words: Words, found: Sequence[Remedy], pairs: Sequence[Pair]) -> str:
    """Draw the first run-on with its rest greyed, the rates, and what each remedy costs."""
    ready = [remedy for remedy in found if remedy.said]
    if not ready:
        return ""
    bars = [(words(f"run_on.{remedy.name}"), remedy.rate(pairs)) for remedy in ready]
    rows = "".join(f'<th scope="col">{escape(words(f"run_on.head_{name}"))}</th>' for name in HEADS)
    rows = f"<tr>{rows}</tr>"
    for remedy in ready:
        said = list(remedy.said.values())
        mean = sum(len(g.steps) for g in said) / len(said)
        ended = sum(g.finish_reason == "stop" for g in said)
        rows += (
            f'<tr><th scope="row">{escape(words(f"run_on.{remedy.name}"))}</th>'
            f"<td>{mean:.1f}</td><td>{ended} / {len(said)}</td>"
            f'<td class="text">{escape(remedy.handed(min(remedy.said)))}</td></tr>'
        )
    title, costs = words("run_on.rates"), words("run_on.costs")
    return (
        example_html(words, found[0], pairs)
        + marks.heading(title, words, "measured")
        + rate_bars(words, bars, title)
        + marks.heading(costs, words, "measured")
        + table(costs, rows, "grid remedies")
    )


def example_html(words: Words, nothing: Remedy, pairs: Sequence[Pair]) -> str:
    """Draw the first answer and, greyed, what runs on after it."""
    i = min(nothing.said)
    answer, rest = answer_of(nothing.said[i].text)
    return (
        marks.heading(words("run_on.example"), words, "measured", pairs[i].english)
        + f'<div class="ran"><b>{escape(answer)}</b>'
        f'<span class="sr">{escape(words("run_on.rest"))}</span>'
        f'<div class="on">{escape(rest)}</div></div>'
    )
