"""The page of a lab on another server: what is disabled says why, and the rest works."""

import re
from collections.abc import Iterator

import gradio as gr
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from backend import api
from backend.catalog import ROOT
from backend.engine import FILTERS
from backend.lab import Lab
from backend.settings import Settings
from demo import docs
from demo.app import build
from demo.capabilities import FILTER_IDS, NEEDS
from demo.identity import Identity
from demo.live import Live
from demo.widgets.machine_now import NONE, now_html
from demo.words import LANGS, words
from tests.browser import LAPTOP, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import serve
from tests.remote_server import address, running
from tests.test_generate_tab import serious

WAIT = 120_000
REFUSED = {"en": "Not possible here", "ja": "ここではできません"}


def test_the_table_of_what_cannot_be_shown_is_current() -> None:
    text = (ROOT / docs.REMOTE).read_text("utf-8")
    assert docs.between(text, "capabilities", docs.remote_table()) == text, "run make docs"
    for name in (*NEEDS, "token_records", *FILTERS):
        assert f"`{name}`" in text


def test_the_steps_of_another_server_are_unknown_and_not_zero() -> None:
    with running() as server:
        lab = Lab(Settings(engine_url=address(server)))
        watch = Live(lab)
        watch.look(100.0)
        look = watch.look(102.0)
        lab.close()
    assert look.steps_per_s is look.tokens_per_s is look.rows_per_step is None
    facts = now_html(look, 256, words("en"))
    assert facts.count(f"<dd>{NONE}</dd>") == 4  # the first token too: nobody has asked
    assert "0.0" not in facts


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGS)
def test_what_cannot_be_honoured_is_disabled_with_the_reason(lang: str) -> None:
    with running() as server:
        lab = Lab(Settings(engine_url=address(server)))
        w = words(lang)  # type: ignore[arg-type]
        page = build(lab, Identity(lab.settings), w)
        lab.close()
    host = lab.settings.engine_host
    found = {str(b.elem_id): b for b in page.blocks.values() if getattr(b, "elem_id", None)}
    for capability, ids in NEEDS.items():
        reason = w(f"remote.{capability}", host=host)
        for elem_id in ids:
            block = found[elem_id]  # the table names nothing that is not there
            assert block.interactive is False, elem_id  # type: ignore[attr-defined]
            card, texts = block.parent, list[str]()
            while card is not None and not any(reason in text for text in texts):
                texts = [str(c.value) for c in card.children if isinstance(c, gr.HTML)]
                card = card.parent
            assert any(reason in text for text in texts), elem_id
    for end in FILTER_IDS.values():
        fields = [block for name, block in found.items() if name.endswith(end)]
        assert fields
        for field in fields:
            assert field.interactive is False  # type: ignore[attr-defined]
            assert host in field.info  # type: ignore[attr-defined]
    assert host in found["frame"].value  # type: ignore[attr-defined]
    assert found["generate-go"].interactive  # type: ignore[attr-defined]
    for name in ("generate-pieces-en", "memory-prompt"):  # Enter there does the same
        assert found[name].interactive is False  # type: ignore[attr-defined]


@pytest.mark.slow
def test_nothing_is_disabled_where_the_model_is_here(lab: Lab) -> None:
    page = build(lab, Identity(lab.settings), words("en"))
    found = {str(getattr(b, "elem_id", None)): b for b in page.blocks.values()}
    for elem_id in (elem_id for ids in NEEDS.values() for elem_id in ids):
        assert found[elem_id].interactive is not False, elem_id  # type: ignore[attr-defined]
    assert "data-remote" not in found["frame"].value  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def remote_site(lab: Lab) -> Iterator[str]:
    """The page of a lab whose engine is the shared lab, over its routes."""
    app = FastAPI()
    app.include_router(api.router(lab))
    lab.engine.model()
    with serve(lab, app) as models:
        other = Lab(Settings(engine_url=f"{models}/v1", search="offline"))
        with serve(other) as site:
            yield site
        other.close()


def go(page: Page, name: str, status: str, done: str) -> None:
    page.locator(f"#{name}").click()
    expect(page.locator(f"#{status}")).to_contain_text(done, timeout=WAIT)


def before(text: str) -> str:
    """The fixed words a template of ours begins with."""
    return re.split(r"\{", text)[0].strip()


@pytest.mark.browser
@pytest.mark.parametrize("lang", LANGS)
def test_generate_chat_shots_search_and_agents(
    chromium: Browser,  # noqa: F811
    remote_site: str,
    lang: str,
) -> None:
    w = words(lang)  # type: ignore[arg-type]
    with visit(chromium, remote_site, lang=lang, size=LAPTOP, tab="generate") as page:
        expect(page.locator("[data-remote]")).to_contain_text("127.0.0.1:")
        page.locator("#generate-max-new-tokens input").fill("12")
        go(page, "generate-go", "generate-status", w("reason.length"))
        strip = page.locator("#generate-strip")
        expect(strip.locator("button.t")).to_have_count(12)
        strip.locator("button.t").first.click()
        expect(strip.locator(".pop .bar").first).to_be_visible()
        assert strip.locator("[data-fork]").count() == 0
        expect(page.locator("#generate-ruler")).to_contain_text(w("remote.uncounted"))
        page.locator("#generate-lists .label-wrap, #generate-lists-fold .label-wrap").first.click()
        expect(page.locator("#generate-lists-go")).to_be_disabled()
        assert not serious(page)
    with visit(chromium, remote_site, lang=lang, size=LAPTOP, tab="chat") as page:
        page.locator("#chat-message textarea").fill("Hello.")
        page.keyboard.press("Enter")
        expect(page.locator("#chat-log .bot")).to_have_count(1, timeout=WAIT)
        expect(page.locator("#chat-turns")).to_contain_text(w("remote.uncounted"))
        expect(page.locator("#chat-status")).to_contain_text(w("reason.stop"), timeout=WAIT)
    with visit(chromium, remote_site, lang=lang, size=LAPTOP, tab="shots") as page:
        go(page, "shots-go", "shots-status", before(w("shots.done")) or "7")
        expect(page.locator("#shots-rows .said").first).not_to_be_empty()
    with visit(chromium, remote_site, lang=lang, size=LAPTOP, tab="prompt") as page:
        go(page, "prompt-go", "prompt-status", w("prompt.done"))
    with visit(chromium, remote_site, lang=lang, size=LAPTOP, tab="search") as page:
        go(page, "search-go", "search-status", before(w("search.done")))
        expect(page.locator("#search-twins .twin")).to_have_count(3)
        expect(page.locator("#search-hits li")).to_have_count(3)
        page.locator("#search-agent-question textarea").fill("What is 12*34?")
        go(page, "search-agent-go", "search-agent-status", w("agents.answered", n=2))
        expect(page.locator("#search-agent-lanes")).to_contain_text("408")
        assert REFUSED[lang] not in page.locator("body").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
