"""Chain of thought: problems answered at once and worked step by step (Kojima et al., 2022)."""

import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.types import Generation, Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.words import Words
from pocket.sums import AT_ONCE, AT_ONCE_JA, WORKED, WORKED_JA, Problem, answer

SIZES, MOST = (20, 40), 200
NEW_TOKENS = 64  # the card's
GREEDY = SamplingParams(max_new_tokens=NEW_TOKENS, num_alternatives=0)
STEP = re.compile(r"(\d+)([+-])(\d+)=(\d+)")
MODEL = "pocket-chat"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Both wishes over the same problems."""

    direct: Rate
    worked: Rate

    @property
    def gain(self) -> float:
        """Percentage points."""
        return 100 * (self.worked.share - self.direct.share)


def asked(question: str, wish: str, *, ja: bool) -> list[Message]:
    """Return the question with the wish behind it, as a turn."""
    gap = "" if ja or not wish else " "
    return [{"role": "user", "content": f"{question}{gap}{wish}"}]


def groups_of(problems: Sequence[Problem], wishes: Sequence[str], words: Words) -> list[Group]:
    """Return a row a wish."""
    from pocket.measure import solved

    ja = is_ja(problems[0].question)

    def judge(i: int, said: str) -> bool:
        return solved(problems[i], said, ja=ja)

    return [
        Group(
            name=wish or words("prompt.no_wish"),
            model=MODEL,
            prompts=[asked(p.question, wish, ja=ja) for p in problems],
            judge=judge,
        )
        for wish in wishes
    ]


def is_ja(question: str) -> bool:
    """True for a question in Japanese."""
    return not question.isascii()


def drawn(
    single: bool, lang: str, number: float | None, n: int, first: str, second: str
) -> tuple[list[Problem], tuple[str, str]]:
    """Return one problem or the whole set, and both wishes."""
    from pocket.measure import sum_problems

    at = min(max(int(number or 1), 1), MOST)
    problems = sum_problems(at if single else n, ja=lang == "ja")
    return problems[-1:] if single else problems, (first.strip(), second.strip())


def thought_panel(lab: Lab, identity: Identity, words: Words) -> tuple[Fields, gr.State]:
    """Draw the card; return its linked fields and the state that holds the last Compared."""
    last = gr.State(None)
    with fold(words, "prompt.thought_title", "core", "prompt-thought"):
        gr.Markdown(words("prompt.thought_what"))
        with gr.Row(elem_classes="knobs"):
            lang = gr.Radio(
                [(words(f"prompt.lang_{name}"), name) for name in ("en", "ja")],
                value="en",
                label=words("prompt.lang"),
                elem_id="prompt-lang",
            )
            number = gr.Number(
                2,
                label=words("prompt.problem_number"),
                step=1,
                minimum=1,
                maximum=MOST,
                precision=0,
                elem_id="prompt-problem-number",
            )
            n = gr.Radio(
                list(SIZES), value=SIZES[0], label=words("prompt.problems"), elem_id="prompt-sums"
            )
        with gr.Row(elem_classes="knobs"):
            direct = gr.Textbox(AT_ONCE, label=words("prompt.wish_1"), elem_id="prompt-wish-1")
            worked = gr.Textbox(WORKED, label=words("prompt.wish_2"), elem_id="prompt-wish-2")
        with gr.Row(elem_classes="tools"):
            one = gr.Button(words("prompt.one_go"), elem_id="prompt-one-go")
            every = gr.Button(words("prompt.every_go"), elem_id="prompt-every-go")
            stop = gr.Button(words("stop"), elem_id="prompt-thought-stop")
        status = gr.HTML(marks.say(), elem_id="prompt-thought-status")
        steps = gr.HTML("", elem_id="prompt-steps")
        bars = gr.HTML("", elem_id="prompt-thought-bars")
        code = gr.HTML(code_html("step_by_step", fill("step_by_step", {}), words))
        gr.HTML(marks.plain(words("prompt.thought_note"), "src"))

    async def run(
        single: bool, request: gr.Request, values: Sequence[object]
    ) -> AsyncIterator[dict]:
        try:
            problems, wishes = drawn(single, *values)  # type: ignore[arg-type]
            groups = groups_of(problems, wishes, words)
            yield {
                status: marks.say(words("waiting.start")),
                code: code_html("step_by_step", snippet_code(problems, wishes), words),
            }
            running = run_groups(lab, groups, GREEDY, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    view = pair_html(problems[0], groups, words) if single else ""
                    yield {
                        status: marks.say(words("prompt.of", n=done, of=total)),
                        **({steps: view} if single else {bars: bars_html(groups, words)}),
                    }
            ended: dict = {status: marks.say(words("prompt.thought_done", n=len(problems)))}
            if not single:
                ended[last] = Compared(direct=groups[0].rate, worked=groups[1].rate)
            yield ended
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def run_one(request: gr.Request, *values: object) -> AsyncIterator[dict]:
        async for change in run(True, request, values):
            yield change

    async def run_every(request: gr.Request, *values: object) -> AsyncIterator[dict]:
        async for change in run(False, request, values):
            yield change

    inputs, outputs = [lang, number, n, direct, worked], [status, steps, bars, code, last]
    began = [
        one.click(run_one, inputs, outputs, **QUIET),
        every.click(run_every, inputs, outputs, **QUIET),
    ]
    when_stopped(stop, began, lambda: marks.say(words("prompt.stopped")), [], [status])
    lang.input(
        lambda name: [AT_ONCE_JA, WORKED_JA] if name == "ja" else [AT_ONCE, WORKED],
        lang,
        [direct, worked],
        **QUIET,
    )
    fields = {"said_in": lang, "problem": number, "sums": n, "wish_1": direct, "wish_2": worked}
    return fields, last


def pair_html(problem: Problem, groups: Sequence[Group], words: Words) -> str:
    """Draw one problem with both answers; a step's sum is checked by itself."""
    drawn = []
    for group in groups:
        made = group.said.get(0)
        body = answer_html(problem, group, made, words) if made else "…"
        drawn.append(f"<div><b>{escape(group.name)}</b>{body}</div>")
    title = marks.heading(words("prompt.one_title"), words, "measured")
    return f'{title}<div>{escape(problem.question)}</div><div class="ways">{"".join(drawn)}</div>'


def answer_html(problem: Problem, group: Group, made: Generation, words: Words) -> str:
    """Draw an answer: its steps as a list, its end, the verdict and how many tokens it took."""
    steps = []
    for x, sign, y, z in STEP.findall(made.text):
        holds = (int(x) + int(y) if sign == "+" else int(x) - int(y)) == int(z)
        mark = '<span class="same">✓</span>' if holds else '<span class="diff">✗</span>'
        steps.append(f"<li>{x}{sign}{y}={z} {mark}</li>")
    right = group.judge(0, made.text)
    css = "same" if right else "diff"
    verdict = words("prompt.yes" if right else "prompt.no")
    tokens = words("prompt.tokens", n=len(made.steps))
    wanted = "" if right else escape(" · " + words("prompt.wanted", n=problem.result))
    listed = f'<ol class="worked-steps">{"".join(steps)}</ol>' if steps else ""
    return (
        f"<div>{escape(made.text.strip())}</div>{listed}"
        f'<div><span class="{css}">{escape(verdict)}</span>{wanted} · {escape(tokens)}</div>'
    )


def bars_html(groups: Sequence[Group], words: Words) -> str:
    """Draw both accuracies, the gain and what it costs in tokens."""
    label = words("prompt.thought_bars")
    rows = [(group.name, group.rate) for group in groups]
    drawn = marks.heading(label, words, "measured") + rate_bars(words, rows, label)
    if all(len(group.said) == len(group.prompts) for group in groups):
        compared = Compared(direct=groups[0].rate, worked=groups[1].rate)
        told = words(
            "prompt.gain",
            gain=f"{compared.gain:+.0f}",
            first=f"{groups[0].new_tokens:.0f}",
            second=f"{groups[1].new_tokens:.0f}",
        )
        drawn += f"<div>{escape(told)}</div>"
    return drawn


def snippet_code(problems: Sequence[Problem], wishes: Sequence[str]) -> str:
    """Return the code that asks the same."""
    ja = is_ja(problems[0].question)
    nothing = Problem(question="", steps=(), result=0)
    return fill(
        "step_by_step",
        {
            "WISHES": list(wishes),
            "PROBLEMS": [(p.question, p.result) for p in problems],
            "GAP": "" if ja else " ",
            "SAID": answer(nothing, worked=False, ja=ja).replace("0", "{}"),
        },
    )
