"""A personality in numbers or letters, written as a system text that one can read, and measured."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.personas import (
    LEVELS,
    MBTI,
    MIDDLE,
    TYPES,
    UNSAID,
    adjective,
    check_levels,
    levels_of,
    system_of,
    told,
)
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.chat_log import MODEL
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold, table
from demo.widgets.trait_charts import charts_html
from demo.words import Words
from pocket.voices import MARKERS, TRAITS

REQUEST = "What is 2+3?"  # the card's
ROWS = 8  # of one request: a person may have 16 at a time, and go on chatting
DRAWS = (24, 48, 96)
SEED = 7
ALL = "all"
Shares = Mapping[str, Sequence[Rate]]


async def drawn_shares(
    lab: Lab, trait: str, n: int, person: str
) -> AsyncGenerator[list[Rate], None]:
    """Yield how many of n drawn answers have a trait's marker, level by level, as they come.

    The other traits stay in the middle; temperature 1, no filter, as on the card. LabError.
    """
    rates = [Rate(right=0, total=0) for _ in LEVELS]
    for at, level in enumerate(LEVELS):
        levels = dict.fromkeys(TRAITS, MIDDLE) | {trait: level}
        for chunk in range(n // ROWS):
            params = SamplingParams(
                do_sample=True,
                max_new_tokens=64,
                num_return_sequences=ROWS,
                seed=SEED + chunk,
                num_alternatives=0,
            )
            texts = [""] * ROWS
            updates = lab.aupdates(
                told(system_of(levels), REQUEST),
                params,
                model=MODEL,
                person=person,
                operation="chat",
                update_s=0.5,
                patient=True,
            )
            async with contextlib.aclosing(updates):
                async for update in updates:
                    for step in update.steps:
                        texts[step.row] += step.text
                    yield rates  # so that leaving is seen
            heard = sum(MARKERS[trait] in text for text in texts)
            old = rates[at]
            rates[at] = Rate(right=old.right + heard, total=old.total + ROWS)
            yield rates


def big_five_panel(lab: Lab, identity: Identity, words: Words, system: gr.Textbox) -> None:
    """Draw the panel; a button puts what it writes into the chat's system text."""
    measured = gr.State(dict[str, list[Rate]]())
    with fold(words, "chat.big_five_title", "deep", "chat-big-five"):
        gr.Markdown(words("chat.big_five_what"))
        letters = gr.Dropdown(
            [(words("chat.mbti_none"), ""), *((name, name) for name in TYPES)],
            value="",
            label=words("fields.letters"),
            elem_id="chat-mbti",
        )
        with gr.Row(elem_classes="knobs trait-knobs"):
            sliders = [
                gr.Slider(
                    UNSAID,
                    LEVELS[-1],
                    value=MIDDLE,
                    step=1,
                    label=words(f"fields.{trait}"),
                    info=ends(trait, words),
                    elem_id=f"chat-{trait}",
                    min_width=160,
                )
                for trait in TRAITS
            ]
        written = gr.Textbox(
            system_of(dict.fromkeys(TRAITS, MIDDLE)),
            label=words("chat.big_five_text"),
            interactive=False,
            elem_id="chat-big-five-text",
        )
        mapped = gr.HTML(mbti_html("", words), elem_id="chat-mbti-mapped")
        with gr.Row(elem_classes="tools"):
            use = gr.Button(words("chat.big_five_use"), elem_id="chat-big-five-use")
        gr.Markdown(words("chat.traits_what"))
        with gr.Row(elem_classes="knobs"):
            trait = gr.Dropdown(
                [*((words(f"fields.{name}"), name) for name in TRAITS), (words("chat.all"), ALL)],
                value="extraversion",
                label=words("chat.trait"),
                elem_id="chat-trait",
            )
            draws = gr.Radio(
                list(DRAWS), value=DRAWS[0], label=words("chat.draws"), elem_id="chat-draws"
            )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("chat.traits_go"), elem_id="chat-traits-go")
            stop = gr.Button(words("stop"), elem_id="chat-traits-stop")
        status = gr.HTML(marks.say(), elem_id="chat-traits-status")
        charts = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-traits-drawn")
        code = gr.HTML(code_html("big_five", fill("big_five", {}), words))

    def write(*levels: object) -> object:
        try:
            return system_of(check_levels(levels))
        except LabError:
            return gr.skip()

    def spell(name: str) -> list[object]:
        """Put the letters' levels on the sliders."""
        if name not in TYPES:
            return [mbti_html("", words), *(gr.skip() for _ in sliders)]
        levels = levels_of(name)
        return [mbti_html(name, words), *(levels.get(trait, UNSAID) for trait in TRAITS)]

    async def run(
        known: dict[str, list[Rate]], name: str, n: int, request: gr.Request
    ) -> AsyncIterator[dict]:
        try:
            chosen = TRAITS if name == ALL else (name,)
            total, done = n * len(LEVELS) * len(chosen), 0
            yield {status: marks.say(words("waiting.start"))}
            for one in chosen:
                shares = drawn_shares(lab, one, n, person_of(identity, request))
                rates: list[Rate] = []
                async with contextlib.aclosing(shares):
                    async for rates in shares:
                        so_far = done + sum(rate.total for rate in rates)
                        yield {
                            status: marks.say(words("chat.running_n", n=so_far, total=total)),
                            charts: charts_html({**known, one: rates}, words),
                        }
                known[one] = list(rates)
                done += sum(rate.total for rate in rates)
            yield {
                status: marks.say(words("chat.traits_done", total=total)),
                charts: charts_html(known, words),
                code: snippet(chosen[-1], n),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    def snippet(name: str, n: int) -> str:
        texts = [system_of(dict.fromkeys(TRAITS, MIDDLE) | {name: level}) for level in LEVELS]
        filled = {
            "MODEL": model_value(MODEL),
            "SYSTEMS": texts,
            "MARKER": MARKERS[name],
            "TIMES": n // ROWS,
        }
        return code_html("big_five", fill("big_five", filled), words)

    gr.on(
        [slider.change for slider in sliders],
        write,
        sliders,
        written,
        trigger_mode="always_last",
        **QUIET,
    )
    letters.input(spell, letters, [mapped, *sliders], **QUIET)
    use.click(lambda text: text, written, system, **QUIET)
    started = go.click(run, [measured, trait, draws], [status, charts, code], **QUIET)
    stopped = marks.say(words("reason.cancelled"))
    when_stopped(stop, [started], lambda: stopped, [], [status])


def ends(trait: str, words: Words) -> str:
    """Say what a trait's slider stands for at its ends."""
    low, high = (adjective(trait, level) for level in (LEVELS[0], LEVELS[-1]))
    return words("chat.trait_ends", low=low, high=high)


def mbti_html(letters: str, words: Words) -> str:
    """Say what each letter becomes: a trait, its side, an adjective; nothing without letters."""
    if not letters:
        return f'<div class="src">{escape(words("chat.mbti_note"))}</div>'
    heads = "".join(
        f'<th scope="col">{escape(words(f"chat.mbti_{name}"))}</th>'
        for name in ("letter", "trait", "adjective")
    )
    rows = "".join(
        f'<tr><th scope="row">{letter}</th><td>{escape(words(f"fields.{MBTI[letter][0]}"))}'
        f"</td><td>{escape(spelled(letter))}</td></tr>"
        for letter in letters
    )
    return (
        table(words("fields.letters"), f"<tr>{heads}</tr>{rows}")
        + f'<div class="src">{escape(words("chat.mbti_note"))}</div>'
    )


def spelled(letter: str) -> str:
    """Return the adjective of a letter."""
    trait, high = MBTI[letter]
    return adjective(trait, LEVELS[-1 if high else 0])
