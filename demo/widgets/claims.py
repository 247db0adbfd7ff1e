"""Sentences of the course's section 1, tried live; and the cache switched off."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.job_results import results, short
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold, table
from demo.words import Words

if TYPE_CHECKING:
    from backend.course_claims import Trial
    from backend.kv_speed import Pair

LINES = {
    "singular": "230",
    "default": "222",
    "names": "260",
    "join": "354",
    "decode": "354",
    "spelling": "352",
}
TRIED = "1+1=2\n竜"
NEW_TOKENS = 24


def claims_panel(lab: Lab, identity: Identity, words: Words, model: gr.Dropdown) -> None:
    """Draw the card of the course's sentences."""
    with fold(words, "apart.claims.title", "deep", "generate-claims"):
        gr.Markdown(words("apart.claims.what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("apart.claims.go"), elem_id="generate-claims-go")
        shown = gr.HTML(marks.say(), elem_id="generate-claims-shown")
        gr.HTML(code_html("course_claims", fill("course_claims", {}), words))

    async def run(name: str, request: gr.Request) -> str:
        from backend.course_claims import Trial, claims_job

        try:
            person = person_of(identity, request)
            found = await results(lab, claims_job(TRIED), name, Trial, person=person)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return claims_html(found, words)

    go.click(run, model, shown, **QUIET)


def claims_html(found: Sequence["Trial"], words: Words) -> str:
    """What was run, what came of it, and what that means for a line of the course."""
    rows = "".join(
        f'<tr><th scope="row">{escape(words("apart.claims.line", n=LINES[trial.name]))}</th>'
        f"<td>{escape(trial.code)}</td><td>{escape(trial.result)}</td>"
        f'<td class="text">{escape(words(f"apart.claims.{trial.name}"))}</td></tr>'
        for trial in found
    )
    heads = "".join(
        f'<th scope="col">{escape(words(f"apart.claims.{key}"))}</th>'
        for key in ("course", "run", "result", "means")
    )
    title = words("apart.claims.tried")
    body = table(title, f"<tr>{heads}</tr>{rows}", "grid claims")
    return marks.heading(title, words, "measured") + body


def cache_panel(
    lab: Lab, identity: Identity, words: Words, prompt: gr.Textbox, model: gr.Dropdown
) -> None:
    """Draw the card of the KV cache, on and off."""
    with fold(words, "apart.cache.title", "deep", "generate-cache"):
        gr.Markdown(words("apart.cache.what"))
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("apart.cache.go"), elem_id="generate-cache-go")
        shown = gr.HTML(marks.say(), elem_id="generate-cache-shown")

    async def run(text: str, name: str, request: gr.Request) -> str:
        from backend.kv_speed import Pair, kv_speed_job

        try:
            job = kv_speed_job(await short(lab, text, name), NEW_TOKENS)
            found = await results(lab, job, name, Pair, person=person_of(identity, request))
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return cache_html(found, words)

    go.click(run, [prompt, model], shown, **QUIET)


def cache_html(pairs: Sequence["Pair"], words: Words) -> str:
    """The time of all new tokens both ways, and their ratio."""
    cached, whole = (sum(getattr(pair, name) for pair in pairs) for name in ("cached_s", "whole_s"))
    most = max(cached, whole)
    rows = "".join(
        f'<tr><th scope="row">{escape(words(f"apart.cache.{name}"))}</th><td class="track">'
        f'<i style="width:{100 * took / most:.1f}%"></i></td><td>{1000 * took:.1f} ms</td>'
        f"<td>{count}</td></tr>"
        for name, took, count in (
            ("on", cached, len(pairs)),
            ("off", whole, sum(pair.position for pair in pairs)),
        )
    )
    heads = "".join(
        f'<th scope="col">{escape(text)}</th>'
        for text in ("", "", words("apart.cache.time"), words("apart.cache.positions"))
    )
    title = words("apart.cache.measured", n=len(pairs))
    same = all(pair.same for pair in pairs)
    return (
        marks.heading(title, words, "measured")
        + table(title, f"<tr>{heads}</tr>{rows}", "grid sizes")
        + f"<div>{escape(words('apart.cache.ratio', n=f'{whole / cached:.1f}'))} "
        f"{escape(words('apart.cache.same' if same else 'apart.cache.differs'))}</div>"
        + f'<div class="src">{escape(words("apart.cache.note"))}</div>'
    )
