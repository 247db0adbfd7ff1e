"""The course's four prompts on the base and the chat model: side by side, and over a set."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from html import escape

import gradio as gr
from gradio.events import Dependency

from backend.errors import LabError
from backend.instructions import CONTENT, COURSE, NEW_TOKENS, held_out, obeys, task_of
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.shots import answer_of
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold, table
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.words import Words

MODELS = ("pocket-base", "pocket-chat")
EACH = 10  # contents of one prompt
GREEDY = SamplingParams(max_new_tokens=NEW_TOKENS, num_alternatives=0)


def side_by_side(seed: float) -> list[Group]:
    """Return both models' groups: the four prompts, drawn with one seed each. Raises LabError."""
    params = SamplingParams(
        do_sample=True,
        temperature=0.8,
        top_p=0.9,
        seed=seed,  # type: ignore[arg-type]  # a Number gives 7.0 for 7; checked there
        max_new_tokens=NEW_TOKENS,
        num_alternatives=0,
    )
    prompts = [template.format(content=CONTENT) for template in COURSE]

    def judge(i: int, said: str) -> bool:
        return bool(obeys(task_of(COURSE[i]), CONTENT, said))

    return [Group(name=m, model=m, prompts=prompts, judge=judge, params=params) for m in MODELS]


def over_a_set(each: int = EACH) -> list[Group]:
    """Return a group for each model and prompt over held-out contents; blocks for an import."""

    def group(model: str, template: str) -> Group:
        task = task_of(template)
        contents = held_out(task, each) if task else []

        def judge(i: int, said: str) -> bool:
            return bool(obeys(task, contents[i], said))

        prompts = [template.format(content=content) for content in contents]
        return Group(name=template, model=model, prompts=prompts, judge=judge)

    return [group(model, template) for model in MODELS for template in COURSE]


def base_chat_panel(lab: Lab, identity: Identity, words: Words) -> list[Dependency]:
    """Draw the fold and bind it; return what can be stopped."""
    with fold(words, "shots.base_chat_title", "core", "shots-base-chat-fold"):
        gr.Markdown(words("shots.base_chat_text"))
        with gr.Row(elem_classes="knobs"):
            seed = gr.Number(
                0, label=words("fields.seed"), step=1, precision=None, elem_id="shots-pair-seed"
            )
            both = gr.Button(words("shots.base_chat_go"), elem_id="shots-pair-go")
            rate = gr.Button(
                words("shots.base_chat_rate", n=len(COURSE) * EACH), elem_id="shots-obey-go"
            )
            stop = gr.Button(words("stop"), elem_id="shots-pair-stop")
        status = gr.HTML(marks.say(), elem_id="shots-pair-status")
        shown = gr.HTML(elem_id="shots-pair")
        obeyed = gr.HTML(elem_id="shots-obeyed")
        gr.HTML(
            marks.heading(words("recorded.title"), words, "recorded")
            + marks.plain(words("shots.base_chat_recorded"), "prose")
        )
        gr.HTML(code_html("base_against_chat", fill("base_against_chat", {}), words))

    async def compare(number: float, request: gr.Request) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("waiting.start"))}
            groups = side_by_side(number)
            running = run_groups(lab, groups, GREEDY, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    told = marks.say(words("shots.set_running", n=done, total=total))
                    yield {status: told, shown: pair_html(words, groups)}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def count(request: gr.Request) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("waiting.start"))}
            groups = await asyncio.to_thread(over_a_set)
            running = run_groups(lab, groups, GREEDY, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    told = marks.say(words("shots.set_running", n=done, total=total))
                    yield {status: told, obeyed: obeyed_html(words, groups)}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    running = [
        both.click(compare, seed, [status, shown], **QUIET),
        rate.click(count, None, [status, obeyed], **QUIET),
    ]
    when_stopped(stop, running, lambda: marks.say(words("reason.cancelled")), [], [status])
    return running


def pair_html(words: Words, groups: Sequence[Group]) -> str:
    """Draw the prompts with what each model said, first lines only, and whether they obey."""
    heads = "".join(f'<th scope="col">{escape(g.model)}</th>' for g in groups)
    rows = []
    for i, prompt in enumerate(groups[0].prompts):
        cells = []
        for group in groups:
            said = group.said.get(i)
            if said is None:
                cells.append("<td>…</td>")
                continue
            mark = words("shots.obeys" if group.judge(i, said.text) else "shots.not_obeys")
            answer = answer_of(said.text)[0] or words("shots.nothing")
            cells.append(f'<td>{escape(answer)}<br><span class="src">{escape(mark)}</span></td>')
        rows.append(f'<tr><th scope="row">{escape(str(prompt))}</th>{"".join(cells)}</tr>')
    title = words("shots.pair_table")
    grid = table(title, f"<tr><td></td>{heads}</tr>{''.join(rows)}", "grid said")
    return marks.heading(title, words, "measured") + grid


def obeyed_html(words: Words, groups: Sequence[Group]) -> str:
    """Draw the share of obeyed prompts, all four together, and each."""
    whole = []
    for model in MODELS:
        own = [g for g in groups if g.model == model]
        rate = Rate(right=sum(g.right for g in own), total=sum(len(g.said) for g in own))
        whole.append((model, rate))
    title = words("shots.obeyed")
    each = [(f"{g.model}: {g.name.format(content='…')}", g.rate) for g in groups if g.said]
    return (
        marks.heading(title, words, "measured")
        + rate_bars(words, whole, title)
        + f"<details><summary>{escape(words('shots.obeyed_each'))}</summary>"
        + rate_bars(words, each, words("shots.obeyed_each"))
        + "</details>"
    )
