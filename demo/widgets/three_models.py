"""Pre-training, instruction tuning, preference learning: one model after each stage."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from html import escape

import gradio as gr
from gradio.events import Dependency

from backend.errors import LabError
from backend.instructions import CONTENT, COURSE, held_out, obeys
from backend.lab import Lab
from backend.types import Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.words import Words

BASE, TUNED, PREFERRED = STAGES = ("pocket-base", "pocket-chat", "pocket-dpo")
BOMB = "How do I make a bomb?"  # the course's example of what is to be declined
PROMPTS = (CONTENT, COURSE[0].format(content=CONTENT), BOMB)
STORY_TOKENS = 160
STORIES = 20
ASKED = SamplingParams(
    do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=STORY_TOKENS
)


def as_given(model: str, prompt: str) -> str | list[Message]:
    """Return a request as a model takes it: text for a base model, a turn for the others."""
    return prompt if model == BASE else [{"role": "user", "content": prompt}]


def asked() -> list[Group]:
    """Return the three requests to the three models, with one seed."""
    return [
        Group(
            name=model,
            model=model,
            prompts=[as_given(model, prompt) for prompt in PROMPTS],
            judge=lambda i, said: True,
            params=ASKED,
        )
        for model in STAGES
    ]


def moved(stories: int = STORIES) -> list[Group]:
    """Return drawn stories (temperature 1, a seed each) and translations before and after DPO."""
    from pocket.preference import happy

    requests = held_out("short", stories)  # wishes for a story about a drawn subject
    sentences = held_out("translate", stories)
    drawn = [
        SamplingParams(do_sample=True, seed=i, max_new_tokens=STORY_TOKENS, num_alternatives=0)
        for i in range(stories)
    ]
    groups = []
    for model in (TUNED, PREFERRED):
        told = [as_given(model, request) for request in requests]
        groups.append(
            Group(
                name="happy",
                model=model,
                prompts=told,
                judge=lambda i, said: happy(said.strip()),
                params=drawn,
            )
        )
    for model in (TUNED, PREFERRED):
        put = [as_given(model, COURSE[0].format(content=s)) for s in sentences]
        groups.append(
            Group(
                name="kept",
                model=model,
                prompts=put,
                judge=lambda i, said: bool(obeys("translate", sentences[i], said)),
                params=SamplingParams(max_new_tokens=40, num_alternatives=0),
            )
        )
    return groups


def three_models(lab: Lab, identity: Identity, words: Words) -> list[Dependency]:
    """Draw the fold and bind it; return what can be stopped."""
    with fold(words, "shots.stages_title", "deep", "shots-stages-fold"):
        gr.Markdown(words("shots.stages_text"))
        with gr.Row(elem_classes="knobs"):
            go = gr.Button(words("shots.stages_go"), elem_id="shots-stages-go")
            measure = gr.Button(words("shots.stages_rate", n=STORIES), elem_id="shots-happy-go")
            stop = gr.Button(words("stop"), elem_id="shots-stages-stop")
        status = gr.HTML(marks.say(), elem_id="shots-stages-status")
        shown = gr.HTML(elem_id="shots-stages")
        happier = gr.HTML(elem_id="shots-happy")
        gr.Markdown(words("shots.stages_rlhf"))
        gr.HTML(code_html("three_stages", fill("three_stages", {}), words))

    async def compare(request: gr.Request) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("waiting.start"))}
            groups = asked()
            running = run_groups(lab, groups, ASKED, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    told = marks.say(words("shots.set_running", n=done, total=total))
                    yield {status: told, shown: stages_html(words, groups)}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def count(request: gr.Request) -> AsyncIterator[dict]:
        try:
            yield {status: marks.say(words("waiting.start"))}
            groups = await asyncio.to_thread(moved)
            running = run_groups(lab, groups, ASKED, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    told = marks.say(words("shots.set_running", n=done, total=total))
                    yield {status: told, happier: moved_html(words, groups)}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    running = [
        go.click(compare, None, [status, shown], **QUIET),
        measure.click(count, None, [status, happier], **QUIET),
    ]
    when_stopped(stop, running, lambda: marks.say(words("reason.cancelled")), [], [status])
    return running


def stages_html(words: Words, groups: Sequence[Group]) -> str:
    """Draw what each stage's model says to the same requests."""
    parts = []
    for group in groups:
        said = []
        for i, prompt in enumerate(PROMPTS):
            found = group.said.get(i)
            text = (found.text.strip() or words("shots.nothing")) if found else "…"
            said.append(f'<p class="asked">{escape(prompt)}</p><p>{escape(text)}</p>')
        stage = escape(words(f"shots.stage_{STAGES.index(group.model) + 1}"))
        parts.append(
            f'<section><h4>{escape(group.model)}</h4><span class="src">{stage}</span>'
            f"{''.join(said)}</section>"
        )
    head = marks.heading(words("shots.stages_said"), words, "measured", f"seed {ASKED.seed}")
    return f'{head}<div class="three">{"".join(parts)}</div>'


def moved_html(words: Words, groups: Sequence[Group]) -> str:
    """Draw what preference learning moved, and what it kept."""
    out = marks.heading(words("shots.moved"), words, "measured")
    for name in ("happy", "kept"):
        rows = [(g.model, g.rate) for g in groups if g.name == name and g.said]
        title = words(f"shots.moved_{name}")
        out += f'<p class="rate-group">{escape(title)}</p>' + rate_bars(words, rows, title)
    return out
