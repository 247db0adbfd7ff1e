"""The same run several times: what is fixed by the settings and the seed, and what is not."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from html import escape

import gradio as gr
from gradio.events import Dependency

from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.marks import heading
from demo.widgets.settings_row import read
from demo.words import Words

REPEATS = 3
PROGRESS_S = 0.5  # also how soon it is seen that somebody has left

Tokens = list[tuple[int, str]]  # id and text


def repeat_panel(
    lab: Lab,
    identity: Identity,
    words: Words,
    inputs: Sequence[gr.components.Component],
    tab: str,
) -> list[Dependency]:
    """Draw the panel; `inputs` are prompt, model and the settings row. Returns what can be stopped.

    Runs go at once, as many as a person may, and share a batch: equal texts show that strangers
    change nothing.
    """
    with gr.Accordion(
        words("repeat.title"), open=False, elem_classes="card fold", elem_id=f"{tab}-repeat"
    ):
        gr.Markdown(words("repeat.what"))
        with gr.Row():
            same = gr.Button(words("repeat.same_seed"), elem_id=f"{tab}-same-seed")
            other = gr.Button(words("repeat.other_seeds"), elem_id=f"{tab}-other-seeds")
        repeated = gr.HTML(marks.say(), elem_id=f"{tab}-repeated")

    def repeat(step: int) -> Callable[..., AsyncIterator[str]]:
        async def run(
            text: str, model: str, request: gr.Request, *values: object
        ) -> AsyncIterator[str]:
            tasks: list[asyncio.Task[None]] = []
            try:
                params = read(*values)  # type: ignore[arg-type]
                seeds = [((params.seed or 0) + n * step) % 2**32 for n in range(REPEATS)]
                runs: list[Tokens] = [[] for _ in seeds]
                person = person_of(identity, request)

                async def one(seed: int, tokens: Tokens) -> None:
                    own = dataclasses.replace(params, seed=seed)
                    stream = lab.astream(
                        text,
                        own,
                        model=model,
                        person=person,
                        operation="generate",
                        patient=True,
                    )
                    async with contextlib.aclosing(stream):
                        async for made in stream:
                            tokens.append((made.token_id, made.text))

                tasks = [asyncio.create_task(one(s, tokens)) for s, tokens in zip(seeds, runs)]
                while (await asyncio.wait(tasks, timeout=PROGRESS_S))[1]:
                    yield marks.say(words("generate.running", n=sum(map(len, runs))))
                for task in tasks:
                    task.result()
                yield repeats(runs, seeds, words)
            except LabError as error:
                yield marks.say(words.error(error), bad=True)
            finally:
                for task in tasks:
                    task.cancel()

        return run

    return [
        button.click(repeat(step), list(inputs), repeated, **QUIET)
        for button, step in ((same, 0), (other, 1))
    ]


def repeats(texts: Sequence[Tokens], seeds: Sequence[int], words: Words) -> str:
    """Runs below each other; the first token that differs from the first run is marked."""
    parts = [heading(words("repeat.result"), words, "measured")]
    first = texts[0]
    for n, (tokens, seed) in enumerate(zip(texts, seeds), start=1):
        at = next(
            (i for i, (a, b) in enumerate(zip(first, tokens)) if a[0] != b[0]),
            None if len(first) == len(tokens) else min(len(first), len(tokens)),
        )
        if at is None:
            verdict = words("repeat.first") if n == 1 else words("repeat.same")
            body = escape("".join(text for _, text in tokens))
        else:
            verdict = words("repeat.differs", n=at + 1)
            body = escape("".join(text for _, text in tokens[:at]))
            if at < len(tokens):
                body += f'<span class="diff">{escape(tokens[at][1])}</span>'
                body += escape("".join(text for _, text in tokens[at + 1 :]))
        label = words("repeat.run", n=n, seed=seed)
        css = "same" if at is None else "diff"
        parts.append(f'<div class="src">{escape(label)} · <span class="{css}">{escape(verdict)}')
        parts.append(f'</span></div><div class="plain">{body.lstrip()}</div>')
    return "".join(parts)
