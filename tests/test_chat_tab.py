"""Journeys through the Chat tab, in Chromium, on the shipped model."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page, expect

from backend.lab import Lab
from backend.personas import CARDS, marks_in
from backend.types import SamplingParams
from demo.widgets.chat_log import as_text, shown
from pocket.voices import VOICES
from tests.browser import LAPTOP, PATIENCE, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious

pytestmark = pytest.mark.browser
SLOW = 60_000  # they run beside others
FOLDS = ("pair", "meter", "big-five", "only-new", "role", "inside", "tokens", "exercises")
DONE = {"en": "end token", "ja": "終了トークン"}


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    expect.set_options(timeout=SLOW)
    yield
    expect.set_options(timeout=PATIENCE)


def send(page: Page, lang: str, text: str, turn: int) -> None:
    page.locator("#chat-message textarea").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#chat-turns .turns li")).to_have_count(turn)
    expect(page.locator("#chat-log .bot")).to_have_count(turn)
    expect(page.locator("#chat-status")).to_contain_text(DONE[lang])


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
        expect(page.locator("#chat-status")).to_contain_text("end token")
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
        expect(page.locator("#chat-log .bot")).to_contain_text(want.strip())
        page.locator("#chat-clear").click()
        expect(page.locator("#chat-log .user")).to_have_count(0)


def test_html_in_a_message_stays_text(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        text = "<img src=x onerror=\"document.title='hit'\"><b>bold</b> &lt; &amp &"
        page.locator("#chat-message textarea").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("#chat-log .bot")).to_have_count(1)
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


@pytest.mark.parametrize(("lang", "size"), [("en", LAPTOP), ("ja", PHONE)])
def test_a_persona_is_picked_and_heard(
    chromium: Browser,  # noqa: F811
    site: str,
    lang: str,
    size: tuple[int, int],
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="chat") as page:
        expect(page.locator("#chat-code")).to_contain_text("'temperature': 0.8")
        expect(page.locator("#chat-code")).to_contain_text("MAX_NEW_TOKENS = 160")
        page.locator("#chat-persona input").first.focus()
        page.keyboard.press("Space")
        system = page.locator("#chat-system textarea")
        expect(system).to_have_value(CARDS[0].system)
        expect(page.locator("#chat-code")).to_contain_text("Kansai-jin")
        page.locator("#chat-send").click()  # the course's own request is there
        expect(page.locator("#chat-status")).to_contain_text(DONE[lang])
        assert marks_in(page.locator("#chat-log .bot").inner_text() + "\n", "kansai")
        for name in FOLDS:
            page.locator(f"#chat-{name} .label-wrap").first.click()
        page.locator("#chat-pair-go").click()
        expect(page.locator("#chat-pair-drawn .voices li")).to_have_count(2)
        expect(page.locator("#chat-pair-drawn .voices li").first.locator("mark")).not_to_have_count(
            0
        )
        page.locator("#chat-only-new-go").click()
        expect(page.locator("#chat-only-new-drawn td.yes")).to_have_count(3)
        expect(page.locator("#chat-only-new-drawn td.no")).to_have_count(1)
        page.locator("#chat-role-go").click()
        expect(page.locator("#chat-role-drawn td.yes")).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_a_full_context_leaves_out_the_oldest_and_says_so(
    chromium: Browser,  # noqa: F811
    site: str,
) -> None:
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        page.locator("#chat-context input").fill("160")
        page.locator("#chat-max-new-tokens input").fill("60")
        send(page, "en", "Hello.", 1)
        expect(page.locator("#chat-turns .left-out")).to_have_count(0)
        page.locator("#chat-message textarea").fill("<b>Tell</b> me a story about a cat.")
        page.keyboard.press("Enter")
        expect(page.locator("#chat-turns .turns li")).to_have_count(2)
        expect(page.locator("#chat-status")).to_contain_text("after a prompt")
        send(page, "en", "What is 2+3?", 3)
        expect(page.locator("#chat-turns .left-out")).to_contain_text("Hello.")
        expect(page.locator("#chat-turns .turns .cut")).not_to_have_count(0)
        assert page.locator("#chat-turns .left-out b").count() == 0
        page.locator("#chat-inside .label-wrap").click()
        given = page.locator("#chat-rendered .plain").first
        expect(given).not_to_contain_text("Hello.")
        expect(given).to_contain_text("You are a helpful assistant.")
        expect(page.locator("#chat-log .user").first).to_contain_text("Hello.")


def test_what_fails_leaves_the_conversation_as_it_was(
    chromium: Browser,  # noqa: F811
    site: str,
) -> None:
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        send(page, "en", "Hello.", 1)
        page.locator("#chat-context input").fill("64")
        page.locator("#chat-message textarea").fill("Thank you.")
        page.keyboard.press("Enter")
        expect(page.locator("#chat-status .bad")).to_contain_text("context")
        expect(page.locator("#chat-message textarea")).to_have_value("Thank you.")
        expect(page.locator("#chat-log .user")).to_have_count(1)
        expect(page.locator("#chat-log .bot")).to_have_count(1)
        page.locator("#chat-retry").click()
        expect(page.locator("#chat-log .bot")).to_have_count(1)
        page.locator("#chat-context input").fill("2048")
        page.locator("#chat-max-new-tokens input").fill("600")  # more than the lab allows
        page.locator("#chat-send").click()
        expect(page.locator("#chat-status .bad")).to_contain_text("512")
        expect(page.locator("#chat-turns .turns li")).to_have_count(1)
        page.locator("#chat-max-new-tokens input").fill("60")
        send(page, "en", "What is 2+3?", 2)


def test_nothing_comes_after_clear(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        page.locator("#chat-message textarea").fill("Tell me a story about a dragon.")
        page.keyboard.press("Enter")
        expect(page.locator("#chat-log .bot")).to_have_count(1)
        page.locator("#chat-clear").click()
        expect(page.locator("#chat-log .user")).to_have_count(0)
        page.wait_for_timeout(1500)
        assert page.locator("#chat-log .bot, #chat-turns .turns li").count() == 0


def test_a_link_a_personality_and_the_second_exercise(
    chromium: Browser,  # noqa: F811
    site: str,
) -> None:
    [osaka] = [s for s in VOICES["kansai"].systems if "Osaka" in s]
    query = urlencode({"system": osaka, "context": 256})
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        page.goto(f"{site}/?tab=chat&{query}")
        system = page.locator("#chat-system textarea")
        expect(system).to_have_value(osaka)
        expect(page.locator("#chat-context input")).to_have_value("256")
        expect(page.locator("#chat-persona input").last).to_be_checked(timeout=SLOW)
        page.locator("#chat-exercises .label-wrap").click()
        page.locator("#chat-check-2").click()
        expect(page.locator("#chat-exercise-2-result")).to_contain_text("Right", timeout=180_000)
        page.locator("#chat-persona label").first.click()
        expect(system).to_have_value(CARDS[0].system)
        page.locator("#chat-check-2").click()
        expect(page.locator("#chat-exercise-2-result .bad")).to_contain_text("Kansai")
        page.locator("#chat-big-five .label-wrap").click()
        written = page.locator("#chat-big-five-text textarea")
        before = written.input_value()
        page.locator("#chat-extraversion input[type=range]").focus()
        page.keyboard.press("ArrowRight")
        expect(written).not_to_have_value(before)
        page.locator("#chat-big-five-use").click()
        expect(system).to_have_value(written.input_value())


def test_the_endpoint_refuses_a_conversation_that_does_not_fit(site: str) -> None:
    long = [{"role": "user", "content": "word " * 600}, {"role": "assistant", "content": "Yes."}]
    with pytest.raises(AppError, match="context"):
        Client(site, verbose=False).predict("Hello.", long * 8, api_name="/chat")
