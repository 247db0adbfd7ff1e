"""Journeys through the folded cards of the Generate tab, in Chromium, on the shipped model."""

import pytest
from playwright.sync_api import Browser, expect

from backend.lab import Lab
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import PROMPT, serious

pytestmark = pytest.mark.browser
CARDS = ("lists", "ends", "pieces", "cache", "claims", "weights")


@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("ja", PHONE, True), ("en", LAPTOP, False), ("ja", LAPTOP, False)]
)
def test_every_card_answers_and_is_readable(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    n = len(lab.tokenize(PROMPT))
    with visit(chromium, site, lang=lang, size=size, tab="generate", dark=dark) as page:
        for card in CARDS:
            page.locator(f"#generate-{card} .label-wrap").first.click()
            page.locator(f"#generate-{card}-go").click()
            expect(page.locator(f"#generate-{card}-shown table").first).to_be_visible(
                timeout=30_000
            )
        lists = page.locator("#generate-lists-shown")
        expect(lists).to_contain_text(f"(1, {n})")
        expect(lists).to_contain_text("(2, 1)")
        expect(lists).to_contain_text("pad_token")
        assert lists.locator(".nest").count() == (1 + 1 + 1) + (1 + 3 * 3)
        assert lists.locator("td.pad").count() > 0
        ends = page.locator("#generate-ends-shown")
        assert ends.locator("td.odd").count() == 1
        expect(ends.locator("th", has_text=f"· {n - 1}")).to_have_count(1)
        expect(page.locator("#generate-pieces-shown td.byte").first).to_be_visible()
        expect(page.locator("#generate-pieces-shown")).to_contain_text("E7")
        expect(page.locator("#generate-claims-shown")).to_contain_text("ValueError")
        expect(page.locator("#generate-claims-shown")).to_contain_text("NameError")
        expect(page.locator("#generate-cache-shown .track")).to_have_count(2)
        parameters = f"{lab.engine.model().info.parameters:,}"
        expect(page.locator("#generate-weights-shown")).to_contain_text(parameters)
        expect(page.locator("#generate-weights .code")).to_contain_text("class LeanLlama")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_the_users_text_stays_text(chromium: Browser, site: str) -> None:  # noqa: F811
    evil = "<img src=x onerror=\"document.title='hit'\">"
    with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as page:
        page.locator("#generate-prompt textarea").fill(evil)
        for card in ("lists", "ends", "pieces"):
            page.locator(f"#generate-{card} .label-wrap").first.click()
            if card == "pieces":
                page.locator("#generate-pieces-tried textarea").fill(evil)
            page.locator(f"#generate-{card}-go").click()
            expect(page.locator(f"#generate-{card}-shown table").first).to_be_visible(
                timeout=30_000
            )
            assert page.locator(f"#generate-{card} img").count() == 0
        assert page.title() == "LLM Tutorial Lab"


def test_an_empty_or_a_long_prompt_is_told_in_the_card(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="generate") as page:
        page.locator("#generate-prompt textarea").fill("")
        for card in ("lists", "ends", "cache"):
            page.locator(f"#generate-{card} .label-wrap").first.click()
            page.locator(f"#generate-{card}-go").click()
            expect(page.locator(f"#generate-{card}-shown")).to_contain_text("空です")
        page.locator("#generate-prompt textarea").fill("a " * 501)
        for card in ("lists", "ends", "cache"):
            page.locator(f"#generate-{card}-go").click()
            expect(page.locator(f"#generate-{card}-shown")).to_contain_text("1002バイト")
