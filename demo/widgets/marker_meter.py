"""The marker meter: in how many of a set's answers a voice is heard, with its system text or not.

Requests and verdict are the model card's (`pocket.measure`); answers are greedy, so one is enough.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.personas import check_voice, names_kansai, told
from backend.types import Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.chat_log import MODEL
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.exercises import Exercise, verdict
from demo.widgets.fold import fold
from demo.widgets.persona_pair import marked
from demo.widgets.rate_bar import rate_bars
from demo.words import Words
from pocket.voices import VOICES

GREEDY = SamplingParams(max_new_tokens=160)  # the card's
SIZES = (20, 40, 100)
ENOUGH = 0.9  # what the exercise asks for
WHERE = ("system", "user", "nowhere")  # where the line stands


@dataclass(kw_only=True)
class Heard:
    """Requests with the answers that have come, in one place of the line."""

    where: str
    requests: Sequence[str]
    said: dict[int, str] = field(default_factory=dict)

    def rate(self, voice: str) -> Rate:
        """How many of the answers so far are in a voice."""
        from pocket.measure import in_voice

        return Rate(right=sum(in_voice(voice, t) for t in self.said.values()), total=len(self.said))


def placed(line: str, request: str, where: str) -> list[Message]:
    """Return a request with a line as the system text, at the head of the user's turn, or not."""
    if where == "user":
        return told("", f"{line.strip()}\n\n{request}".strip())
    return told(line if where == "system" else "", request)


async def listen(
    lab: Lab, line: str, n: int, person: str, *, where: Sequence[str] = WHERE
) -> AsyncGenerator[list[Heard], None]:
    """Yield what has been heard as answers come; each list has the same members. LabError."""

    def items() -> list[str]:
        from pocket.measure import persona_requests

        return persona_requests(n)

    requests = await asyncio.to_thread(items)
    heard = [Heard(where=place, requests=requests) for place in where]
    for one in heard:
        found = answers(
            lab,
            [placed(line, request, one.where) for request in requests],
            GREEDY,
            model=MODEL,
            person=person,
            operation="chat",
        )
        async with contextlib.aclosing(found):
            async for answer in found:
                if answer:
                    one.said[answer[0]] = answer[1].text.strip()
                yield heard


def meter_panel(
    lab: Lab, identity: Identity, words: Words, persona: gr.Radio, system: gr.Textbox
) -> None:
    """Draw the panel; it measures the chat's system text."""
    with fold(words, "chat.meter_title", "core", "chat-meter"):
        gr.Markdown(words("chat.meter_what"))
        with gr.Row(elem_classes="knobs"):
            voice = gr.Dropdown(
                [(words(f"chat.persona_{name}"), name) for name in VOICES],
                value="kansai",
                label=words("fields.voice"),
                elem_id="chat-meter-voice",
            )
            size = gr.Radio(
                list(SIZES), value=SIZES[0], label=words("chat.meter_n"), elem_id="chat-meter-n"
            )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("chat.meter_go"), elem_id="chat-meter-go")
            stop = gr.Button(words("stop"), elem_id="chat-meter-stop")
        status = gr.HTML(marks.say(), elem_id="chat-meter-status")
        drawn = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-meter-drawn")
        code = gr.HTML(code_html("persona_rate", fill("persona_rate", {}), words))

    async def run(name: str, n: int, line: str, request: gr.Request) -> AsyncIterator[dict]:
        try:
            check_voice(name)
            yield {status: marks.say(words("waiting.start"))}
            total, heard = n * len(WHERE), list[Heard]()
            listening = listen(lab, line, n, person_of(identity, request))
            async with contextlib.aclosing(listening):
                async for heard in listening:
                    done = sum(len(one.said) for one in heard)
                    yield {
                        status: marks.say(words("chat.running_n", n=done, total=total)),
                        drawn: meter_html(heard, name, line, words),
                    }
            filled = {
                "MODEL": model_value(MODEL),
                "SYSTEM": line,
                "MARKERS": list(VOICES[name].markers),
                "REQUESTS": list(heard[0].requests),
            }
            yield {
                status: marks.say(words("chat.meter_done", total=total)),
                drawn: meter_html(heard, name, line, words) + answers_html(heard[0], name, words),
                code: code_html("persona_rate", fill("persona_rate", filled), words),
            }
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    started = go.click(run, [voice, size, system], [status, drawn, code], **QUIET)
    stopped = marks.say(words("reason.cancelled"))
    when_stopped(stop, [started], lambda: stopped, [], [status])
    persona.change(lambda name: name if name in VOICES else gr.skip(), persona, voice, **QUIET)


def meter_html(heard: Sequence[Heard], voice: str, line: str, words: Words) -> str:
    """Draw a bar for each place of the line."""
    rows = [(words(f"chat.meter_{one.where}"), one.rate(voice)) for one in heard]
    shown = line.strip() or words("chat.no_system")
    title = words("chat.meter_result", voice=words(f"chat.persona_{voice}"))
    return (
        marks.heading(title, words, "measured")
        + marks.plain(shown)
        + rate_bars(words, rows, title)
        + f'<div class="src">{escape(words("chat.meter_note"))}</div>'
    )


def answers_html(heard: Heard, voice: str, words: Words) -> str:
    """List the answers given with the system text, the voice's marks underlined."""
    from pocket.measure import in_voice

    rows = []
    for i, text in sorted(heard.said.items()):
        mark = "yes" if in_voice(voice, text) else "no"
        rows.append(
            f'<li><b class="{mark}">{escape(words(f"chat.heard_{mark}"))}</b>'
            f' <span class="src">{escape(heard.requests[i])}</span>'
            f'<div class="said">{marked(text, voice)}</div></li>'
        )
    title = escape(words("chat.meter_answers", n=len(rows)))
    return f'<details><summary>{title}</summary><ul class="heard">{"".join(rows)}</ul></details>'


def kansai_exercise(
    lab: Lab, identity: Identity, words: Words, system: gr.Textbox, place: Exercise
) -> None:
    """Bind exercise 2: Kansai dialect over a set, and no word for Kansai in the system text."""

    async def check(line: str, request: gr.Request) -> AsyncIterator[str]:
        if names_kansai(line) or not line.strip():
            yield verdict(lab, words, "chat-2", False, words("chat.exercise_2_word"))
            return
        try:
            rate, n = Rate(right=0, total=0), SIZES[0]
            listening = listen(lab, line, n, person_of(identity, request), where=("system",))
            async with contextlib.aclosing(listening):
                async for [heard] in listening:
                    rate = heard.rate("kansai")
                    yield marks.say(words("chat.running_n", n=rate.total, total=n))
            right = rate.share >= ENOUGH
            hint = words("chat.exercise_2_not", right=rate.right, total=rate.total)
            answer = f"{line}: {rate.right}/{rate.total}"
            yield verdict(lab, words, "chat-2", right, hint, answer=answer)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    place.check.click(check, system, place.told, **QUIET)
