"""Chat and persona: the whole history goes through a template every turn (the course's 2.2)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.personas import PLAIN
from backend.types import Message, SamplingParams, TokenStep
from demo.endpoints import chat_messages, person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.waiting import waiting_text
from demo.widgets import marks
from demo.widgets.big_five import big_five_panel
from demo.widgets.chat_log import (
    MODEL,
    Log,
    Talk,
    answered,
    as_text,
    bubble,
    chatbot,
    plain,
    turn_of,
    unanswered,
)
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.history_view import history_html
from demo.widgets.marker_meter import kansai_exercise, meter_panel
from demo.widgets.only_new import only_new_panel
from demo.widgets.own_script import own_script
from demo.widgets.persona_cards import persona_cards
from demo.widgets.persona_pair import REQUEST, pair_panel
from demo.widgets.settings_row import read, settings_row
from demo.widgets.system_role import system_role_panel
from demo.widgets.template_view import template_html
from demo.widgets.token_strip import strip_value, token_strip
from demo.words import Words

CONTEXT = 2048  # positions of the pocket models
FIRST = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=160)
Changes = AsyncGenerator[dict, None]


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    talk = gr.State(Talk())
    title, lesson = words.lesson("chat")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"chat.predict_{n}"), n) for n in ("fewer", "same", "more")],
                    label=words("chat.predict"),
                    elem_id="chat-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="chat-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="chat-exercises"):
                first, second = (exercise(words, "chat", n) for n in (1, 2))
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                persona, system = persona_cards(words)
                log = chatbot(words)
                with gr.Row(elem_classes="ask"):
                    message = gr.Textbox(
                        REQUEST,
                        label=words("fields.message"),
                        placeholder=words("chat.enter"),
                        lines=1,
                        max_lines=6,
                        elem_id="chat-message",
                    )
                    send = gr.Button(
                        words("chat.send"),
                        variant="primary",
                        elem_classes="go",
                        elem_id="chat-send",
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="chat-stop")
                with gr.Row(elem_classes="tools"):
                    retry = gr.Button(words("chat.retry"), size="sm", elem_id="chat-retry")
                    clear = gr.Button(words("chat.clear"), size="sm", elem_id="chat-clear")
                status = gr.HTML(marks.say(), elem_id="chat-status")
                settings = settings_row(lab, words, "chat", max_new_tokens=FIRST.max_new_tokens)
            with gr.Column(elem_classes="card"):
                turns = gr.HTML(history_html([], words), elem_id="chat-turns")
                with gr.Row(elem_classes="knobs"):
                    context = gr.Number(
                        CONTEXT,
                        label=words("fields.context"),
                        info=words("chat.context_info"),
                        precision=None,
                        step=64,
                        elem_id="chat-context",
                    )
            with fold(words, "chat.inside", "core", "chat-inside"):
                rendered = gr.HTML(marks.say(words("inside.wait")), elem_id="chat-rendered")
                gr.HTML(code_html("history", fill("history", {}), words))
            with fold(words, "chat.reply_tokens", "deep", "chat-tokens"):
                strip = token_strip(words, "chat-strip")
            pair_panel(lab, identity, words, system, settings)
            meter_panel(lab, identity, words, persona, system)
            big_five_panel(lab, identity, words, system)
            only_new_panel(lab, identity, words, system)
            system_role_panel(lab, words, system)
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(elem_id="chat-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("chat.recorded"), "prose")
                        + marks.plain(words("chat.recorded_persona"), "prose"),
                        elem_id="chat-recorded",
                    )
            own_script(lab, identity, words, "chat")
            linked: Fields = {"system": system, "context": context, **settings.fields}
            with gr.Row(elem_classes="tools"):
                link_button(words, "chat", linked)

    def snippet(messages: Sequence[Message], params: SamplingParams) -> str:
        filled = {
            "MODEL": model_value(MODEL),
            "MESSAGES": [dict(m) for m in messages],
            **sampling_values(params),
        }
        return code_html("chat", fill("chat", filled), words)

    async def reply(
        t: Talk, history: Log, system_text: str, positions: float, values: tuple, person: str
    ) -> Changes:
        """Answer the last user message of `history`, which keeps what came. Raises LabError."""
        params = read(*values)
        texts = plain(history)
        messages = chat_messages(texts[-1]["content"], texts[:-1], system_text)
        yield {status: marks.say(words("waiting.start"))}
        turn = await asyncio.to_thread(turn_of, lab, messages, params, positions)
        t.send(turn, sum(m["role"] == "user" for m in messages))
        sizes = [len(one.prompt.ids) for one in t.turns]
        yield {
            turns: history_html(t.turns, words),
            rendered: template_html(turn.prompt, turn.messages, sizes, words),
            code: snippet(turn.messages, params),
        }
        text, steps = "", list[TokenStep]()
        updates = lab.aupdates(turn.messages, params, model=MODEL, person=person, operation="chat")
        async with contextlib.aclosing(updates):
            async for update in updates:
                if update.waiting:
                    yield {status: marks.say(waiting_text(update, words))}
                    continue
                steps.extend(update.steps)
                text += "".join(step.text for step in update.steps)
                yield {
                    log: [*history, bubble("assistant", text.strip())],
                    status: marks.say(words("generate.running", n=len(steps))),
                }
        reason = words(f"reason.{steps[-1].finish_reason or 'cancelled'}")
        done = words("chat.done", n=len(steps), prompt=len(turn.prompt.ids) or "?", reason=reason)
        if turn.dropped:
            done += " · " + words("chat.turn_cut", n=turn.dropped, ids=turn.cut)
        yield {
            status: marks.say(done),
            strip: strip_value(words, run=t.number, steps=steps),
        }

    async def kept(t: Talk, changes: Changes, before: dict) -> AsyncIterator[dict]:
        """Pass changes on; where something fails, say it and put back what was there `before`."""
        turns_before = t.turns
        try:
            async with contextlib.aclosing(changes):
                async for change in changes:
                    yield change
        except LabError as error:
            t.turns = turns_before
            told = marks.say(words.error(error), bad=True)
            yield {status: told, turns: history_html(t.turns, words), **before}

    async def sent(
        t: Talk,
        history: Log,
        text: str,
        system_text: str,
        positions: float,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        if not text.strip():
            yield {status: marks.say(words("chat.empty"), bad=True)}
            return
        asked = [*answered(history), bubble("user", text)]
        yield {log: asked, message: ""}
        changes = reply(t, asked, system_text, positions, values, person_of(identity, request))
        async for change in kept(t, changes, {log: history, message: text}):
            yield change

    async def again(
        t: Talk,
        history: Log,
        system_text: str,
        positions: float,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        """Answer the last user message once more."""
        asked = unanswered(history)
        if not asked:
            yield {status: marks.say(words("chat.nothing"), bad=True)}
            return
        yield {log: asked}
        changes = reply(t, asked, system_text, positions, values, person_of(identity, request))
        async for change in kept(t, changes, {log: history}):
            yield change

    async def edited(
        t: Talk,
        history: Log,
        system_text: str,
        positions: float,
        event: gr.EditData,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        """Go on from an edited user message; what came after it goes."""
        at = event.index[0] if isinstance(event.index, (list, tuple)) else event.index
        was = bubble("user", as_text(event.previous_value))
        before = [*history[:at], was, *history[at + 1 :]]
        asked = [*history[:at], bubble("user", as_text(event.value))]
        yield {log: asked}
        changes = reply(t, asked, system_text, positions, values, person_of(identity, request))
        async for change in kept(t, changes, {log: before}):
            yield change

    def cleared() -> dict:
        return {
            talk: Talk(),
            log: [],
            status: marks.say(),
            rendered: marks.say(words("inside.wait")),
            turns: history_html([], words),
            strip: strip_value(words),
        }

    def preview(history: Log, text: str, system_text: str, *values: object) -> object:
        """Show the code for what would be sent next."""
        try:
            messages = chat_messages(text, plain(answered(history)), system_text)
            return snippet(messages, read(*values)) if text.strip() else gr.skip()  # type: ignore[arg-type]
        except LabError:
            return gr.skip()

    def predict(answer: str, t: Talk) -> str:
        lab.exercise("chat-predict", answer == "more")
        counts = " → ".join(str(len(turn.prompt.ids) or "?") for turn in t.turns) or "–"
        return marks.say(words("chat.reveal", ids=counts))

    def exercise_1(t: Talk) -> str:
        """The second prompt begins with the first one's ids."""
        ids = [turn.prompt.ids for turn in t.turns]
        hint = words("chat.exercise_1_not", n=len(ids))
        return verdict(
            lab, words, "chat-1", t.sent_again, hint, answer=" -> ".join(map(str, map(len, ids)))
        )

    outputs = [log, message, status, turns, rendered, strip, code]
    given = [talk, log, system, context, *settings.values]
    asked = [talk, log, message, system, context, *settings.values]
    running = [
        gr.on([send.click, message.submit], sent, asked, outputs, **QUIET),
        retry.click(again, given, outputs, **QUIET),
        log.edit(edited, given, outputs, **QUIET),
    ]
    stopped = marks.say(words("reason.cancelled"))
    when_stopped(stop, running, lambda: stopped, [], [status])
    when_stopped(clear, running, cleared, [], [talk, log, status, rendered, turns, strip])
    previewed = [message, system, *settings.values]
    gr.on(
        [c.change for c in previewed],  # type: ignore[attr-defined]
        preview,
        [log, *previewed],
        code,
        trigger_mode="always_last",
        **QUIET,
    )
    guess.input(predict, [guess, talk], reveal, **QUIET)
    first.check.click(exercise_1, talk, first.told, **QUIET)
    kansai_exercise(lab, identity, words, system, second)
    code.value = snippet(chat_messages(REQUEST, [], PLAIN), FIRST)
    return linked
