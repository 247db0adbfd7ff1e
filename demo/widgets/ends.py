"""Where a text begins and ends: the start token, the end token, and why a run stopped."""

import asyncio
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.types import Generation, SamplingParams, TokenRecord
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.job_results import results, short
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold, table
from demo.widgets.sweep import generated
from demo.words import Words

if TYPE_CHECKING:
    from backend.start_token import Lane, StartToken

SUM = "1+1=?"  # the course's
LIMITS = (3, 60)
SHOWN = 24  # tokens of a run in its row


def ends_panel(
    lab: Lab, identity: Identity, words: Words, prompt: gr.Textbox, model: gr.Dropdown
) -> None:
    """Draw the card; the start token is tried on `prompt`, the end on the course's sum too."""
    with fold(words, "apart.ends.title", "deep", "generate-ends"):
        gr.Markdown(words("apart.ends.what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("apart.ends.go"), elem_id="generate-ends-go")
        shown = gr.HTML(marks.say(), elem_id="generate-ends-shown")
        code = gr.HTML(snippets({}, words), elem_id="generate-ends-code")

    async def run(text: str, name: str, request: gr.Request) -> tuple[str, str]:
        from backend.start_token import StartToken, start_token_job

        try:
            person = person_of(identity, request)
            await short(lab, text, name)
            tokens = await asyncio.to_thread(lab.tokenize, SUM, name)
            rows = []
            for asked, limit in ((SUM, LIMITS[0]), (SUM, LIMITS[1]), (text, LIMITS[0])):
                params = SamplingParams(max_new_tokens=limit)
                [made] = await generated(lab, asked, name, params, person)
                rows.append((asked, limit, made))
            job = start_token_job(text)
            [found] = await results(lab, job, name, StartToken, person=person)
        except LabError as error:
            return marks.say(words.error(error), bad=True), gr.skip()
        values: dict[str, object] = {"MODEL": model_value(name), "PROMPT": text}
        return (
            start_html(found, words) + "<hr>" + ends_html(tokens, rows, words),
            snippets(values, words),
        )

    go.click(run, [prompt, model], [shown, code], **QUIET)


def snippets(values: dict[str, object], words: Words) -> str:
    """The code of both halves of the card."""
    ends = {name: value for name, value in values.items() if name == "MODEL"}
    return code_html("start_token", fill("start_token", values), words) + code_html(
        "end_token", fill("end_token", ends), words
    )


def start_html(found: "StartToken", words: Words) -> str:
    """Both lanes, their lengths, and the next token's distribution after each (errata 5)."""
    lanes = (("inside.hand", found.by_hand), ("inside.call", found.whole))
    title = words("apart.ends.start")
    rows = ""
    for name, lane in lanes:
        lead = '<td class="odd">?</td>' * (len(found.whole.ids) - len(lane.ids))
        tds = lead + "".join(f"<td>{escape(piece)}</td>" for piece in lane.pieces[:SHOWN])
        head = f"{words(name)} · {len(lane.ids)}"
        rows += f'<tr><th scope="row">{escape(head)}</th>{tds}</tr>'
    heads = "".join(
        f'<th scope="col">{escape(text)}</th>'
        for text in (words("apart.ends.next"), *(words(name) for name, _ in lanes))
    )
    bars = "".join(
        f'<tr><th scope="row"><code>{escape(piece)}</code></th>'
        + "".join(probability(lane, token) for _, lane in lanes)
        + "</tr>"
        for token, piece in found.names.items()
    )
    texts = "".join(
        f'<div class="src">{escape(words(name))}</div>{marks.plain(lane.continuation.strip())}'
        for name, lane in lanes
    )
    same = found.by_hand.continuation == found.whole.continuation
    told = words("apart.ends.distance", n=f"{found.distance:.2f}")
    verdict = words("apart.ends.same" if same else "apart.ends.differs")
    return (
        marks.heading(title, words, "measured")
        + table(title, rows)
        + table(words("apart.ends.next"), f"<tr>{heads}</tr>{bars}", "grid probabilities")
        + f"<div>{escape(told)} {escape(verdict)}</div>{texts}"
        + f'<div class="src">{escape(words("apart.ends.start_note"))}</div>'
    )


def probability(lane: "Lane", token: int) -> str:
    """A cell with a bar and its number."""
    p = lane.probabilities[token]
    return (
        f'<td><span class="p-bar"><i style="width:{100 * p:.1f}%"></i></span>'
        f"<span>{100 * p:.2f} %</span></td>"
    )


def ends_html(
    prompt: list[TokenRecord], runs: list[tuple[str, int, Generation]], words: Words
) -> str:
    """Each run's tokens up to its end, and what ended it (the course's `1+1=?`)."""
    title = words("apart.ends.end")
    parts = [marks.heading(title, words, "measured")]
    special = [record for record in prompt if record.special]
    if special:
        first = special[0]
        parts.append(
            f"<div>{escape(words('apart.ends.first', token=first.token, id=first.id))}</div>"
        )
    for asked, limit, made in runs:
        told = words(
            "apart.ends.run",
            n=len(made.steps),
            limit=limit,
            reason=words(f"reason.{made.finish_reason}"),
        )
        cells = "".join(
            f'<td class="{"end" if step.finish_reason == "stop" else "new"}">{escape(step.piece)}'
            f"<br><small>{step.token_id}</small></td>"
            for step in made.steps[-SHOWN:]
        )
        gap = '<td class="gap">…</td>' if len(made.steps) > SHOWN else ""
        row = f'<tr><th scope="row"><code>{escape(asked[:40])}</code></th>{gap}{cells}</tr>'
        parts.append(f"<div>{escape(told)}</div>{table(told, row)}")
    parts.append(f'<div class="src">{escape(words("apart.ends.end_note"))}</div>')
    return "".join(parts)
