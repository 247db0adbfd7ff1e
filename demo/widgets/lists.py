"""Lists in and out of a pipeline, how a list is worked through, and what the mask is for."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import ModelInfo
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.job_results import results, short
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold, table
from demo.words import Words

if TYPE_CHECKING:
    from backend.list_runs import BothWays, ListRun
    from backend.padding import Padded

PROMPTS = ("Tell me a story about a dragon.", "1+1=?", "Hello.")  # the course's, and a short one


def lists_panel(
    lab: Lab, identity: Identity, words: Words, prompt: gr.Textbox, model: gr.Dropdown
) -> None:
    """Draw the card; `prompt` is the first of the list."""
    with fold(words, "apart.lists.title", "deep", "generate-lists"):
        gr.Markdown(words("apart.lists.what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("apart.lists.go"), elem_id="generate-lists-go")
        shown = gr.HTML(marks.say(), elem_id="generate-lists-shown")
        code = gr.HTML(snippets("pocket-chat", list(PROMPTS), words), elem_id="generate-lists-code")

    async def run(text: str, name: str, request: gr.Request) -> tuple[str, str]:
        from backend.list_runs import BothWays, ListRun, both_ways_job, list_job
        from backend.padding import Padded, padding_job

        try:
            person = person_of(identity, request)
            prompts = [await short(lab, text, name), *PROMPTS[1:]]
            jobs = (
                list_job(prompts[:1], None),
                list_job(prompts, None),
                list_job(prompts, 2),
                list_job(prompts, 2, padded=True),
            )
            found = [(await results(lab, job, name, ListRun, person=person))[0] for job in jobs]
            [ways] = await results(lab, both_ways_job(text), name, BothWays, person=person)
            [mask] = await results(lab, padding_job(prompts[:2]), name, Padded, person=person)
        except LabError as error:
            return marks.say(words.error(error), bad=True), gr.skip()
        info = lab.engine.model(name).info
        single, whole, *batches = found
        drawn = (
            steps_html(info, text, single, ways, words),
            nested_html(single, whole, words),
            shapes_html([whole, *batches], words),
            mask_html(mask, words),
        )
        values = {"PROMPTS": prompts}
        return "<hr>".join(drawn), code_html(
            "forward_shapes", fill("forward_shapes", values), words
        )

    go.click(run, [prompt, model], [shown, code], **QUIET)


def snippets(model: str, prompts: list[str], words: Words) -> str:
    """The code of both halves of the card."""
    values = {"MODEL": model_value(model), "PROMPTS": prompts}
    pair = {**values, "PROMPTS": prompts[:2]}
    return code_html("forward_shapes", fill("forward_shapes", values), words) + code_html(
        "padding_mask", fill("padding_mask", pair), words
    )


def steps_html(info: ModelInfo, prompt: str, run: "ListRun", ways: "BothWays", words: Words) -> str:
    """The four steps of the course's first block, with what each gave here."""
    loaded = f"{info.precision} · {info.device}"
    new = str(run.output[0][0]["generated_text"]).removeprefix(prompt)
    cells = "".join(
        f"<li><b>{escape(words(f'apart.lists.step_{n}'))}</b> <code>{escape(text)}</code></li>"
        for n, text in enumerate((info.model, loaded, prompt, new + " …"), start=1)
    )
    title = marks.heading(words("apart.lists.steps"), words, "measured")
    note = f'<div class="src">{escape(words("apart.lists.device", device=info.device))}</div>'
    same = ways.pipeline == ways.generate
    told = words("apart.lists.ways_same" if same else "apart.lists.ways_differ")
    css = "same" if same else "diff"
    ids = marks.plain(" ".join(map(str, ways.generate)))
    return f'{title}<ol class="four">{cells}</ol>{note}<div class="{css}">{escape(told)}</div>{ids}'


def nested_html(single: "ListRun", whole: "ListRun", words: Words) -> str:
    """What came out, drawn as it is nested, and how one reaches the text."""
    title = marks.heading(words("apart.lists.nested"), words, "measured")
    rows = (
        ('pipe("...")', single.output[0], 'output[0]["generated_text"]'),
        ('pipe(["...", "...", "..."])', whole.output, 'output[1][0]["generated_text"]'),
    )
    return title + "".join(
        f'<div class="src"><code>{escape(call)}</code></div>{box(value)}'
        f'<div class="src">{escape(words("apart.lists.reach"))} <code>{escape(path)}</code></div>'
        for call, value, path in rows
    )


def box(value: object) -> str:
    """Draw a value of lists, dicts and strings as boxes inside each other."""
    if isinstance(value, list):
        inner = "".join(
            f'<div class="row-of"><span class="at">[{n}]</span>{box(item)}</div>'
            for n, item in enumerate(value)
        )
        return f'<div class="nest"><span class="kind">list · {len(value)}</span>{inner}</div>'
    if isinstance(value, dict):
        inner = "".join(
            f'<div class="row-of"><span class="at">{escape(repr(key))}</span>{box(item)}</div>'
            for key, item in value.items()
        )
        return f'<div class="nest"><span class="kind">dict</span>{inner}</div>'
    return f'<div class="nest leaf"><span class="kind">str</span> {escape(repr(value))}</div>'


def shapes_html(runs: Sequence["ListRun"], words: Words) -> str:
    """Each forward of each run as a box of rows by positions (errata 21)."""
    parts = [marks.heading(words("apart.lists.shapes"), words, "measured")]
    for run, name in zip(runs, ("alone", "refused", "padded")):
        parts.append(f"<div>{escape(words(f'apart.lists.{name}'))}</div>")
        if run.refusal:
            parts.append(marks.plain(run.refusal))
            continue
        cells = "".join(
            f'<td class="{"new" if rows > 1 else ""}">({rows}, {positions})</td>'
            for rows, positions in run.shapes
        )
        head = escape(words("apart.lists.forwards", n=len(run.shapes)))
        parts.append(
            table(words("apart.lists.shapes"), f'<tr><th scope="row">{head}</th>{cells}</tr>')
        )
    parts.append(f'<div class="src">{escape(words("apart.lists.shapes_note"))}</div>')
    return "".join(parts)


def mask_html(found: "Padded", words: Words) -> str:
    """A padded pair with its mask, and what the mask changes (errata 6b)."""
    rows = ""
    for pieces, mask in zip(found.pieces, found.mask):
        for name, cells in (("inside.piece", pieces), ("inside.mask", tuple(map(str, mask)))):
            tds = "".join(
                f'<td class="{"" if real else "pad"}">{escape(text)}</td>'
                for text, real in zip(cells, mask)
            )
            rows += f'<tr><th scope="row">{escape(words(name))}</th>{tds}</tr>'
    title = words("apart.lists.mask")
    told = words(
        "apart.lists.mask_told", same=f"{found.with_mask:.0e}", other=f"{found.all_ones:.2f}"
    )
    return (
        marks.heading(title, words, "measured")
        + table(title, rows)
        + f"<div>{escape(told)}</div>"
        + f'<div class="src">{escape(words("apart.lists.mask_note"))}</div>'
    )
