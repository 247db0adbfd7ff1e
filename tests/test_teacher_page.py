"""The teacher's page beside the class's pages, in Chromium. No model: none of it needs one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.lab import Lab
from backend.settings import Settings
from demo.words import words
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import serve
from tests.test_app import Idle
from tests.test_generate_tab import serious

pytestmark = pytest.mark.browser
SOON = 30_000  # the pages ask every three seconds; others may keep the machine busy


@pytest.fixture
def room() -> Iterator[tuple[Lab, str]]:
    lab = Idle(Settings())
    with serve(lab) as site:
        yield lab, site


@contextmanager
def teaching(
    browser: Browser, site: str, lang: str, size: tuple[int, int] = LAPTOP, dark: bool = False
) -> Iterator[Page]:
    """Open the teacher's page."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.goto(f"{site}/teacher?lang={lang}")
    yield page
    context.close()


@pytest.mark.parametrize(
    ("lang", "size", "dark"),
    [("en", LAPTOP, False), ("ja", PHONE, True)],
)
def test_a_closed_tab_leaves_every_page_and_comes_back(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    _, site = room
    said, chat = words(lang), words(lang)("chat.tab")  # type: ignore[arg-type]
    other = "ja" if lang == "en" else "en"
    with (
        visit(chromium, site, lang=lang, size=size, tab="chat", dark=dark) as learner,
        visit(chromium, site, lang=other, size=LAPTOP, tab="memory") as neighbour,
        teaching(chromium, site, lang, size, dark) as teacher,
    ):
        learner.locator("#chat-message textarea").fill("half a thought")
        button = teacher.locator("#set-chat")
        button.focus()
        teacher.keyboard.press("Enter")
        expect(button).to_have_text(said("teacher.open_tab", tab=chat), timeout=SOON)
        expect(button).to_be_focused()
        expect(teacher.locator("#said")).to_have_text(said("teacher.said_closed"))
        expect(learner.locator("#tab-generate .title h2")).to_be_visible(timeout=SOON)
        told = learner.locator("[data-class-closed]")
        expect(told).to_have_text(said("follow.closed", tab=f"2.2 {chat}"), timeout=SOON)
        assert not serious(learner)
        away = words(other)("chat.tab")  # type: ignore[arg-type]
        for page, label in ((learner, chat), (neighbour, away)):
            expect(
                page.locator("#tabs .tab-wrapper button", has_text=f"2.2 {label}")
            ).to_have_count(0, timeout=SOON)
        assert neighbour.locator("#tab-memory .title h2").is_visible()
        assert neighbour.locator("[data-class-closed]").inner_text() == ""
        teacher.keyboard.press("Enter")
        expect(button).to_have_text(said("teacher.close_tab", tab=chat), timeout=SOON)
        back = learner.locator("#tabs .tab-wrapper button", has_text=f"2.2 {chat}")
        expect(back).not_to_have_count(0, timeout=SOON)
        expect(told).to_be_empty(timeout=SOON)
        back.last.evaluate("button => button.click()")
        expect(learner.locator("#chat-message textarea")).to_have_value("half a thought")
        for page in (learner, teacher):
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(teacher)


def test_a_closed_tabs_link_opens_another_and_says_why(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
) -> None:
    lab, site = room
    with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as learner:
        lab.classroom.set_open("memory", False)
        lab.classroom.set_open("generate", False)
        learner.goto(f"{site}/?tab=memory")
        expect(learner.locator("#tab-start .title h2")).to_be_visible(timeout=SOON)
        told = learner.locator("[data-class-closed]")
        expect(told).to_contain_text("Your teacher has closed 1.2 Memory", timeout=SOON)
        learner.goto(site)  # nobody asked for Generate: there is nothing to explain
        expect(learner.locator("#tab-start .title h2")).to_be_visible(timeout=SOON)
        learner.wait_for_function("window.lab.closed", timeout=SOON)
        expect(told).to_be_empty()


def test_a_copied_link_is_offered_opened_put_aside_and_withdrawn(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
) -> None:
    _, site = room
    with (
        visit(chromium, site, lang="ja", size=PHONE, tab="chat") as learner,
        teaching(chromium, site, "en") as teacher,
    ):
        learner.locator("#chat-message textarea").fill("half a thought")
        setup = teacher.context.new_page()
        setup.goto(f"{site}/?tab=generate&lang=en")
        setup.locator("#generate-temperature input").fill("0.3", timeout=SOON)
        setup.locator("#generate-link").click()
        expect(setup.locator("#generate-linked")).to_contain_text("Copied", timeout=SOON)
        copied = setup.evaluate("navigator.clipboard.readText()")
        teacher.bring_to_front()
        teacher.locator("#link-tab").select_option("memory")
        teacher.locator("#link-paste").fill(copied)
        teacher.locator("#link-send").click()
        expect(teacher.locator("#said")).to_contain_text("The link opens the tab generate")
        assert teacher.locator("#link-paste").input_value() == copied
        teacher.locator("#link-tab").select_option("")
        teacher.locator("#link-paste").press("Enter")
        expect(teacher.locator("#link-full")).to_have_value(copied)
        expect(teacher.locator("#link-paste")).to_have_value("")
        offered = learner.locator("[data-class-link]")
        expect(offered).to_contain_text("先生からの提案：1 生成", timeout=SOON)
        assert not serious(learner)
        assert learner.locator("#chat-message textarea").input_value() == "half a thought"
        with learner.context.expect_page() as opening:
            offered.locator("a").focus()
            learner.keyboard.press("Enter")
        opened = opening.value
        expect(opened.locator("#generate-temperature input")).to_have_value("0.3", timeout=SOON)
        assert opened.evaluate("document.documentElement.lang") == "ja"
        expect(offered).to_be_empty()
        assert learner.locator("#chat-message textarea").input_value() == "half a thought"
        teacher.locator("#link-tab").select_option("memory")
        teacher.locator("#link-send").click()
        expect(offered).to_contain_text("1.2 メモリ", timeout=SOON)
        offered.locator("button").click()
        expect(offered).to_be_empty()
        teacher.locator("#link-tab").select_option("start")
        teacher.locator("#link-send").click()
        expect(offered).to_contain_text("0 はじめに", timeout=SOON)
        teacher.locator("#withdraw").click()
        expect(offered).to_be_empty(timeout=SOON)
        expect(teacher.locator("#link-full")).to_have_count(0)


@pytest.mark.parametrize("status", [0, 502])
def test_a_press_that_reaches_no_lab_says_so_and_the_page_stays(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
    status: int,
) -> None:
    """Without an answer, and with that of a proxy whose lab is away."""
    lab, site = room
    with teaching(chromium, site, "ja") as teacher:
        fail = (lambda r: r.fulfill(status=status)) if status else (lambda r: r.abort())
        teacher.route("**/teacher**", fail)
        teacher.locator("#set-chat").click()
        said = teacher.locator("#said")
        expect(said).to_have_text(words("ja")("connection.away"), timeout=SOON)
        expect(said).to_have_attribute("role", "alert")
        with teacher.expect_request("**/teacher?lang=ja", timeout=SOON):
            pass  # the page asks by itself too, and stays
        assert not lab.classroom.closed
        teacher.unroute("**/teacher**")
        teacher.locator("#set-chat").click()
        expect(said).to_have_text(words("ja")("teacher.said_closed"), timeout=SOON)


def test_votes_are_counted_once_hidden_until_shown_and_cleared(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
) -> None:
    _, site = room
    with (
        visit(chromium, site, lang="ja", size=PHONE, tab="diversity") as first,
        visit(chromium, site, lang="en", size=LAPTOP, tab="diversity") as second,
        teaching(chromium, site, "en") as teacher,
    ):
        vote, bars = teacher.locator("#vote-diversity"), teacher.locator("#bars-diversity li")
        first.locator("#diversity-guess input").nth(1).check()
        expect(vote.locator("summary")).to_contain_text("1 voted", timeout=SOON)
        assert not bars.first.is_visible()
        vote.locator("summary").focus()
        teacher.keyboard.press("Enter")
        expect(bars.nth(1)).to_contain_text("1 (100 %)")
        first.locator("#diversity-guess input").nth(2).check()
        second.locator("#diversity-guess input").nth(0).check()
        expect(bars.nth(2)).to_contain_text("1 (50 %)", timeout=SOON)
        expect(bars.nth(0)).to_contain_text("1 (50 %)")
        expect(bars.nth(1)).to_contain_text("0 (0 %)")
        assert bars.nth(0).is_visible()  # what was opened stays open
        assert teacher.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(teacher)
        cookies = [c["value"] for c in first.context.cookies() if c["name"] == "lab_person"]
        assert cookies
        assert not any(c.partition(".")[0] in teacher.content() for c in cookies)
        teacher.locator("#clear-diversity").click()
        expect(vote.locator("summary")).to_contain_text("0 voted")
        second.locator("#diversity-guess input").nth(3).check()
        expect(bars.nth(3)).to_contain_text("1 (100 %)", timeout=SOON)
        teacher.locator(".next summary").click()
        teacher.locator("#clear-all").click()
        expect(vote.locator("summary")).to_contain_text("0 voted")


def test_without_the_key_there_is_only_the_key(
    chromium: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    key = tmp_path / "key"
    key.write_text("open sesame\n")
    lab = Idle(Settings(teacher_key_file=key))
    with serve(lab) as site, teaching(chromium, site, "ja", PHONE) as page:
        assert page.locator("[data-live]").count() == 0
        page.locator("input[name=key]").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("[role=alert]")).to_contain_text("鍵が違います")
        assert not serious(page)
        page.locator("input[name=key]").fill("open sesame")
        page.keyboard.press("Enter")
        expect(page.locator("#tab-list li")).to_have_count(len(lab.classroom.tabs))
        assert page.evaluate("document.documentElement.lang") == "ja"
