"""Journeys through the Chat tab, in Chromium, on the shipped model."""

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.lab import Lab
from backend.types import SamplingParams
from demo.tabs.chat import as_text, shown
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious

pytestmark = pytest.mark.browser
DONE = {"en": "end token", "ja": "終了トークン"}


def send(page: Page, lang: str, text: str, turn: int) -> None:
    page.locator("#chat-message textarea").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#chat-log .bot")).to_have_count(turn, timeout=20_000)
    expect(page.locator("#chat-status")).to_contain_text(DONE[lang], timeout=20_000)


@pytest.mark.parametrize(
    ("lang", "size", "dark"),
    [("en", LAPTOP, True), ("ja", LAPTOP, False), ("ja", PHONE, True), ("en", PHONE, False)],
)
def test_two_turns_and_what_the_model_was_given(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="chat", dark=dark) as page:
        send(page, lang, "Hello.", 1)
        send(page, lang, "Tell me a story about a cat.", 2)
        page.locator("#chat-inside .label-wrap").click()
        rendered = page.locator("#chat-rendered")
        expect(rendered).to_contain_text("[INST] <<SYS>>")
        expect(rendered).to_contain_text("Tell me a story about a cat. [/INST]")
        first = lab.render(
            [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "Hello."},
            ]
        )
        expect(rendered).to_contain_text(f"{len(first.ids)} → ")
        page.locator("#chat-exercises .label-wrap").click()
        page.locator("#chat-check-1").click()
        right = {"en": "Right", "ja": "正解"}[lang]
        expect(page.locator("#chat-exercise-1-result")).to_contain_text(right)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_enter_never_sends_while_composing(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="chat") as page:
        page.locator("#chat-message textarea").click()
        cdp = page.context.new_cdp_session(page)
        cdp.send(
            "Input.imeSetComposition", {"text": "りゅう", "selectionStart": 3, "selectionEnd": 3}
        )
        page.keyboard.press("Enter")
        cdp.send("Input.insertText", {"text": "竜"})
        page.evaluate(
            """() => document.querySelector("#chat-message textarea").dispatchEvent(
              new KeyboardEvent("keydown",
                {key: "Enter", keyCode: 229, which: 229, bubbles: true, cancelable: true}))"""
        )
        page.wait_for_timeout(700)
        assert page.locator("#chat-log .user").count() == 0
        assert "竜" in page.locator("#chat-message textarea").input_value()


def test_empty_retry_edit_and_clear(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        page.locator("#chat-message textarea").fill("  ")
        page.keyboard.press("Enter")
        expect(page.locator("#chat-status")).to_contain_text("empty")
        send(page, "en", "Hello.", 1)
        page.locator("#chat-retry").click()
        expect(page.locator("#chat-log .bot")).to_have_count(1)
        expect(page.locator("#chat-status")).to_contain_text("end token", timeout=20_000)
        page.locator("#chat-log .user").first.hover()
        page.locator("#chat-log button[aria-label='Edit']").first.click()
        box = page.locator("#chat-log textarea").first
        box.fill("1+1=?")
        page.locator("#chat-log button[aria-label='Submit']").first.click()
        expect(page.locator("#chat-log .user")).to_contain_text("1+1=?")
        want = lab.generate(
            [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "1+1=?"},
            ],
            SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=160),
        )[0].text
        expect(page.locator("#chat-log .bot")).to_contain_text(want.strip(), timeout=20_000)
        page.locator("#chat-clear").click()
        expect(page.locator("#chat-log .user")).to_have_count(0)


def test_html_in_a_message_stays_text(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        text = "<img src=x onerror=\"document.title='hit'\"><b>bold</b> &lt; &amp &"
        page.locator("#chat-message textarea").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("#chat-log .bot")).to_have_count(1, timeout=20_000)
        assert page.locator("#chat-log .user img, #chat-log .user b").count() == 0
        assert page.title() == "LLM Tutorial Lab"
        assert page.locator("#chat-log .user").inner_text().strip() == text
        page.locator("#chat-inside .label-wrap").click()
        expect(page.locator("#chat-rendered")).to_contain_text(text)  # what the model was given


@pytest.mark.parametrize("text", ["a < b & c", "&lt;b&gt; &amp; &copy &#60;", "<s>[INST]", "a&b;"])
def test_the_log_shows_a_text_and_gives_it_back(text: str) -> None:
    assert "<" not in shown(text)
    assert as_text(shown(text)) == text
    assert as_text([{"type": "text", "text": shown(text)}]) == text
