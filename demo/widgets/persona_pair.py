"""Two personas side by side: one request, one seed, two system texts."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import answers
from backend.personas import CARDS, card_of, marks_in, told
from backend.types import Generation
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.chat_log import MODEL
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.fold import fold
from demo.widgets.persona_cards import SYSTEMS
from demo.widgets.settings_row import SettingsRow, read
from demo.words import Words
from pocket.voices import VOICES

REQUEST = "Please translate to Japanese: Tell me a story about a dragon."  # the course's
ABOVE = "above"  # whatever the system text of the chat is


def pair_panel(
    lab: Lab, identity: Identity, words: Words, system: gr.Textbox, settings: SettingsRow
) -> None:
    """Draw the panel; it runs with the chat's settings."""
    with fold(words, "chat.pair_title", "core", "chat-pair"):
        gr.Markdown(words("chat.pair_what"))
        choices = [(words(f"chat.persona_{card.name}"), card.name) for card in CARDS]
        choices.append((words("chat.pair_above"), ABOVE))
        with gr.Row(elem_classes="knobs"):
            left = gr.Dropdown(
                choices, value="kansai", label=words("chat.pair_left"), elem_id="chat-pair-left"
            )
            right = gr.Dropdown(
                choices, value="plain", label=words("chat.pair_right"), elem_id="chat-pair-right"
            )
        with gr.Row(elem_classes="ask"):
            asked = gr.Textbox(
                REQUEST, label=words("fields.message"), lines=1, elem_id="chat-pair-message"
            )
            go = gr.Button(words("chat.pair_go"), elem_classes="go", elem_id="chat-pair-go")
            stop = gr.Button(words("stop"), elem_classes="go", elem_id="chat-pair-stop")
        status = gr.HTML(marks.say(), elem_id="chat-pair-status")
        drawn = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-pair-drawn")
        code = gr.HTML(code_html("persona", fill("persona", {}), words), elem_id="chat-pair-code")

    async def run(
        text: str,
        one: str,
        other: str,
        above: str,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        try:
            params = read(*values)  # type: ignore[arg-type]
            names = (one, other)
            systems = [SYSTEMS.get(name, above) for name in names]
            yield {status: marks.say(words("waiting.start"))}
            made: dict[int, Generation] = {}
            found = answers(
                lab,
                [told(line, text) for line in systems],
                params,
                model=MODEL,
                person=person_of(identity, request),
                operation="chat",
            )
            async with contextlib.aclosing(found):
                async for answer in found:
                    made |= dict([answer] if answer else [])
                    yield {status: marks.say(words("chat.running_n", n=len(made), total=2))}
            yield {
                drawn: pair_html(systems, [made[0].text, made[1].text], words),
                status: marks.say(words("chat.pair_done", seed=params.seed)),
                code: code_html(
                    "persona",
                    fill(
                        "persona",
                        {
                            "MODEL": model_value(MODEL),
                            "SYSTEMS": systems,
                            "REQUEST": text,
                            **sampling_values(params),
                        },
                    ),
                    words,
                ),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    started = gr.on(
        [go.click, asked.submit],
        run,
        [asked, left, right, system, *settings.values],
        [status, drawn, code],
        **QUIET,
    )
    stopped = marks.say(words("reason.cancelled"))
    when_stopped(stop, [started], lambda: stopped, [], [status])


def marked(text: str, voice: str) -> str:
    """Return a text as HTML with a voice's marks underlined."""
    out, at = [], 0
    for start, end in marks_in(text, voice):
        out += [escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>"]
        at = end
    return "".join((*out, escape(text[at:])))


def pair_html(systems: Sequence[str], texts: Sequence[str], words: Words) -> str:
    """Draw the answers beside each other, under their system texts, with what gives them away."""
    cells = []
    for system, text in zip(systems, texts):
        name = card_of(system)
        body = marked(text.strip(), name) if name in VOICES else escape(text.strip())
        line = system.strip() or words("chat.no_system")
        cells.append(
            f'<li><div class="src">{escape(words(f"chat.persona_{name}"))}</div>'
            f'<div class="line">{escape(line)}</div><p class="said">{body}</p></li>'
        )
    head = marks.heading(words("chat.pair_result"), words, "measured")
    return f'{head}<ul class="voices">{"".join(cells)}</ul>'
