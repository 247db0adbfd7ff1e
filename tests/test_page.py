"""The page's Blocks say what Gradio's say, and make no component for what is left alone."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from backend.types import TokenStep
from demo.page import Page, Unconfigured, spare_threads
from demo.widgets.token_strip import lines, strip_value
from demo.words import words

UPDATES: dict[str, Callable[[dict[str, Any]], object]] = {
    "one of them": lambda c: {c["html"]: "<b>1</b>"},
    "two of them": lambda c: {c["html"]: "<b>1</b>", c["text"]: "a"},
    "its properties": lambda c: {c["text"]: gr.Textbox(visible=False), c["html"]: gr.HTML("x")},
    "its state": lambda c: {c["state"]: {"__type__": "mine"}},
    "all": lambda c: [1, "<i>2</i>", "b", {"a": 1}],
    "some by place": lambda c: [gr.skip(), "<i>2</i>", gr.skip(), gr.skip()],
    "none": lambda c: gr.skip(),
    "an empty change": lambda c: {},
}


def built(kind: type[gr.Blocks]) -> tuple[gr.Blocks, dict[str, Any]]:
    """Return a page with one function of four outputs, and these."""
    with kind() as page:
        html, text = gr.HTML(html_template="<div></div>"), gr.Textbox()
        state, value = gr.State(0), gr.JSON()
        gr.Button().click(lambda: None, None, [state, html, text, value])
    return page, {"html": html, "text": text, "state": state, "value": value}


def sent(kind: type[gr.Blocks], update: Callable[[dict[str, Any]], object]) -> object:
    """Return what a session is sent, and what it keeps; or how it is refused."""
    page, components = built(kind)
    session = SessionState(Unconfigured(page) if kind is Page else page)
    [function] = page.fns.values()
    try:
        data = asyncio.run(page.postprocess_data(function, update(components), session))  # type: ignore[arg-type]
    except ValueError as error:
        return type(error)
    for value in data:  # of an HTML Gradio also says that its property "__type__" is "update"
        if isinstance(value, dict) and value.get("props") == {"__type__": "update"}:
            del value["props"]
    return data, session[components["state"]._id]


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_an_update_is_sent_as_gradio_sends_it(update: Callable[[dict[str, Any]], object]) -> None:
    assert sent(Page, update) == sent(gr.Blocks, update)


def test_a_session_keeps_no_configurations_and_no_values_that_were_sent() -> None:
    page, components = built(Page)
    session = SessionState(Unconfigured(page))
    [function] = page.fns.values()
    for value in ("first", "second"):
        update = {components["text"]: value, components["html"]: gr.HTML("x", visible=False)}
        asyncio.run(page.postprocess_data(function, update, session))
    assert all(config == {} for config in session.config_values.values())
    assert not session[components["html"]._id].visible  # what it changed it keeps, and alone
    assert page.blocks[components["html"]._id].visible
    assert SessionState(Unconfigured(page))[components["html"]._id].visible
    assert page.default_config.config_for_block(0, [], components["html"])  # the page's own does


def test_what_is_left_alone_is_not_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    first = gr.Textbox.__init__

    def counted(self: gr.Textbox, *args: object, **kwargs: object) -> None:
        made.append("Textbox")
        first(self, *args, **kwargs)  # type: ignore[arg-type]

    counts = {}
    for kind in (gr.Blocks, Page):
        page, components = built(kind)
        [function] = page.fns.values()
        with monkeypatch.context() as patch:
            patch.setattr(gr.Textbox, "__init__", counted)
            made.clear()
            asyncio.run(
                page.postprocess_data(function, {components["html"]: ""}, SessionState(page))
            )
            counts[kind] = len(made)
    assert counts[Page] == 0 < counts[gr.Blocks]


def test_only_updates_of_html_and_state_go_without_a_thread() -> None:
    with Page() as page:
        html, state, text = gr.HTML(), gr.State(), gr.Textbox()
        gr.Button().click(lambda: None, None, [html, state])
        gr.Button().click(lambda: None, None, [html, text])
    spare_threads(page)
    assert [function.postprocess for function in page.fns.values()] == [False, True]


def test_of_a_strip_that_grows_only_the_new_tokens_are_sent() -> None:
    from gradio.utils import diff

    first, then = (step(n) for n in (1, 2))
    en, text = words("en"), lines(steps=[first])
    before = strip_value(en, steps=[first])
    after = strip_value(en, text=text + lines(steps=[then]))
    assert after == strip_value(en, steps=[first, then])
    assert diff(before, after) == [["append", ["tokens"], lines(steps=[then])]]
    assert [json.loads(line)["id"] for line in str(after["tokens"]).splitlines()] == [1, 2]


def step(token_id: int) -> TokenStep:
    """Return a record of that token."""
    return TokenStep(
        row=0,
        token_id=token_id,
        piece="a",
        text="a",
        data=b"a",
        logprob=-1.0,
        prob=0.4,
    )
