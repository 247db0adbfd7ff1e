"""Search: a model that reads what was found, and what that is worth (the course's 2.3)."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import gradio as gr

from backend.errors import LabError
from backend.grounding import is_japanese
from backend.lab import Lab
from backend.retrieval import MOST_HITS, checked
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.rag import BUDGET, HITS, Asked, asking, helped, messages
from demo.rag import twins as twins_of
from demo.waiting import waiting_text
from demo.widgets import marks
from demo.widgets.agent_panel import agent_panel
from demo.widgets.code_pane import code_html, fill, model_value, sampling_values
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.hits import hits_html
from demo.widgets.injection import injection
from demo.widgets.packed import packed_html
from demo.widgets.rag_set import PARAMS, denied_groups, rag_set
from demo.widgets.search_errata import claims_html, prompt_counts
from demo.widgets.set_runs import run_groups
from demo.widgets.settings_row import GREEDY, read, settings_row
from demo.widgets.token_strip import strip_value, token_strip
from demo.widgets.twins import answer_html, twins_html
from demo.widgets.web_limits import anatomy_html, pages_html, state_html
from demo.words import Words
from pocket.facts import CONTEXT, CONTEXT_JA, KNOWN, asked_facts


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    last = gr.State(None)  # the last question that was answered, with its twins
    title, lesson = words.lesson("search")
    start = "web" if lab.settings.search == "web" else "offline"  # nothing is sent out unasked
    sources = ("offline",) if lab.settings.search == "offline" else ("offline", "auto", "web")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            guess, reveal = guessing(words)
            with gr.Accordion(words("exercise.title"), open=False, elem_id="search-exercises"):
                first = exercise(words, "search", 1)
                entered = gr.Number(
                    label=words("search.entered"), precision=None, elem_id="search-entered",
                    render=False,
                )  # fmt: skip
                second = exercise(words, "search", 2, answer=entered)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                with gr.Row(elem_classes="ask"):
                    question = gr.Textbox(
                        words("search.question_default"),
                        label=words("search.question"),
                        lines=1,
                        max_lines=3,
                        elem_id="search-question",
                    )
                    go = gr.Button(
                        words("search.go"),
                        variant="primary",
                        elem_classes="go",
                        elem_id="search-go",
                    )
                    stop = gr.Button(words("stop"), elem_classes="go", elem_id="search-stop")
                with gr.Row(elem_classes="knobs"):
                    source = gr.Radio(
                        [(words(f"search.source_{name}"), name) for name in sources],
                        value=start,
                        label=words("search.source"),
                        info=words("search.leaves" if len(sources) > 1 else "search.stays"),
                        elem_id="search-source",
                        scale=2,
                    )
                    most = gr.Slider(
                        1, MOST_HITS, value=HITS, step=1,
                        label=words("search.most"), elem_id="search-most",
                    )  # fmt: skip
                    budget = gr.Slider(
                        10, 1000, value=BUDGET, step=10,
                        label=words("search.budget"), elem_id="search-budget",
                    )  # fmt: skip
                with gr.Accordion(words("settings.more"), open=False, elem_id="search-settings"):
                    query = gr.Textbox(
                        "",
                        label=words("search.query"),
                        info=words("search.query_info"),
                        elem_id="search-query",
                    )
                    settings = settings_row(lab, words, "search", max_new_tokens=64)
                    settings.mode.value = GREEDY  # as the model card measures
                status = gr.HTML(marks.say(), elem_id="search-status")
                answer = gr.HTML(marks.say(words("search.wait")), elem_id="search-answer")
                linked: Fields = {
                    "question": question, "source": source, "hits": most, "budget": budget,
                    **settings.fields,
                }  # fmt: skip
                link_button(words, "search", linked)
            with gr.Column(elem_classes="card"):
                hits = gr.HTML(marks.say(words("search.wait_hits")), elem_id="search-hits")
            with gr.Column(elem_classes="card"):
                twins = gr.HTML(marks.say(words("search.wait_twins")), elem_id="search-twins")
                wrong = gr.Textbox(
                    "",
                    label=words("search.wrong"),
                    info=words("search.wrong_info"),
                    lines=1,
                    max_lines=4,
                    elem_id="search-wrong",
                )
            with fold(words, "search.inside", "core", "search-packed-fold"):
                packed = gr.HTML(marks.say(words("search.wait")), elem_id="search-packed")
                strip = token_strip(words, "search-strip")
            rag_set(lab, identity, words)
            injection(lab, identity, words, second, entered)
            agent = agent_panel(lab, identity, words, source)
            folds(lab, identity, words)
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(code_html("rag", fill("rag", {}), words), elem_id="search-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("search.recorded"), "prose"),
                        elem_id="search-recorded",
                    )

    numbers = itertools.count(1)

    def drawn(asked: Asked) -> str:
        return answer_html(
            asked.sentences, words,
            seed=asked.params.seed, packed=asked.packed.used, done=asked.done,
        )  # fmt: skip

    def state_of(asked: Asked) -> str:
        if asked.update.waiting:
            return waiting_text(asked.update, words)
        return words("search.running", n=len(asked.steps))

    async def answered(
        text: str,
        where: str,
        n: int,
        limit: int,
        other: str,
        lie: str,
        request: gr.Request,
        *values: object,
    ) -> AsyncIterator[dict]:
        """Search, pack, answer; then the twins on the same seed."""
        try:
            params = read(*values)  # type: ignore[arg-type]
            text, person = checked(text), person_of(identity, request)
            yield {status: marks.say(words("search.searching")), last: None}
            run = asking(
                lab, text, where, params,
                query=other.strip(), most=int(n), budget=int(limit), person=person,
            )  # fmt: skip
            async with contextlib.aclosing(run):
                async for asked in run:
                    if not asked.steps:
                        yield {hits: hits_html(asked.found, asked.packed.used, words)}
                    yield {answer: drawn(asked), status: marks.say(state_of(asked))}
            given = messages(asked.packed.message)
            prompt = await asyncio.to_thread(lab.sent, given, asked.model)
            yield {
                packed: packed_html(asked.packed, prompt, words),
                code: snippet(asked, words),
                strip: strip_value(words, run=next(numbers), steps=asked.steps),
            }
            beside = twins_of(lab, asked, lie, person=person)
            async with contextlib.aclosing(beside):
                async for shown in beside:
                    yield {twins: twins_html(shown, words, params.seed), last: (asked, shown)}
            yield {status: marks.say(words("search.done", n=len(asked.steps)))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    def check(kept: tuple | None) -> str:
        """Exercise 1: cited with the hits, and nothing of it without context."""
        asked, texts = (kept[0], {twin.name: twin for twin in kept[1]}) if kept else (None, {})
        given = words("search.question_default")
        right = asked is not None and asked.question != given and helped(asked.question, texts)
        return verdict(
            lab, words, "search-1", right, words("search.exercise_1_not"),
            answer=asked.answer if asked else "",
        )  # fmt: skip

    def warm(where: str) -> None:
        if where != "offline":
            lab.retrieval.warm()

    async def predict(answer: str, request: gr.Request) -> AsyncIterator[str]:
        """Ask the known capitals with a wrong passage, and count."""
        lab.exercise("search-predict", answer == "follow")
        yield marks.say(words("waiting.start"))
        try:
            groups = denied_groups(2 * len(KNOWN), ja=words.lang == "ja")
            run = run_groups(lab, groups, PARAMS, person=person_of(identity, request))
            async with contextlib.aclosing(run):
                async for done, total in run:
                    yield marks.say(words("search.of", n=done, of=total))
            known, wrong = (group.rate for group in groups)
            yield marks.say(
                words("search.reveal", known=known.right, of=known.total,
                      wrong=wrong.right, n=wrong.total)
            )  # fmt: skip
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    running = [
        gr.on(
            [go.click, question.submit],
            answered,
            [question, source, most, budget, query, wrong, *settings.values],
            [status, hits, answer, packed, strip, code, twins, last],
            **QUIET,
        )
    ]
    stopped = marks.say(words("reason.cancelled"))
    when_stopped(stop, running, lambda: stopped, [], [status])
    first.check.click(check, last, first.told, **QUIET)
    source.change(warm, source, **QUIET)
    guess.input(predict, guess, reveal, **QUIET)
    return {**linked, **agent}


def guessing(words: Words) -> tuple[gr.Radio, gr.HTML]:
    """Draw the question to predict, before what reveals it."""
    with gr.Column(elem_classes="predict"):
        guess = gr.Radio(
            [(words(f"search.predict_{name}"), name) for name in ("follow", "resist")],
            label=words("search.predict"),
            elem_id="search-guess",
        )
        reveal = gr.HTML(marks.say(), elem_id="search-reveal")
    return guess, reveal


def snippet(asked: Asked, words: Words) -> str:
    """Draw the code that gives the answer on screen."""
    return code_html("rag", fill("rag", snippet_values(asked)), words)


def snippet_values(asked: Asked) -> dict[str, object]:
    """Return the constants of that code."""
    return {
        "MODEL": model_value(asked.model),
        "QUESTION": asked.question,
        "PASSAGES": list(asked.packed.passages),
        "PROMPT": CONTEXT_JA if is_japanese(asked.question) else CONTEXT,
        **sampling_values(asked.params),
    }


def folds(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw what is read and not pressed: searching the web, the course's claims, the pages."""
    with fold(words, "search.web_title", "core", "search-web-fold"):
        gr.Markdown(words("search.web_text"))
        gr.HTML(code_html("search", fill("search", {}), words))
        state = gr.HTML(state_html(lab, words), elem_id="search-web-state")
        again = gr.Button(words("search.state_again"), size="sm", elem_id="search-state-again")
        gr.HTML(anatomy_html(words), elem_id="search-layers")
    with fold(words, "search.claims_title", "deep", "search-claims-fold"):
        check = gr.Button(words("search.claims_go"), size="sm", elem_id="search-claims-go")
        claims = gr.HTML(marks.say(), elem_id="search-claims")
    with fold(words, "search.pages_title", "deep", "search-pages-fold"):
        gr.HTML(pages_html(words), elem_id="search-pages")

    async def prove(request: gr.Request) -> str:
        try:
            item = asked_facts(1, ja=words.lang == "ja")[0]
            who = person_of(identity, request)
            lines = await asyncio.to_thread(prompt_counts, lab, item.alone, item.right, who)
            return await asyncio.to_thread(claims_html, words, lines)
        except LabError as error:
            return marks.say(words.error(error), bad=True)

    again.click(lambda: state_html(lab, words), None, state, **QUIET)
    check.click(prove, None, claims, **QUIET)
