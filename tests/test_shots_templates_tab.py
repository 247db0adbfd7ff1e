"""Journeys through the second half of the Shots tab, in Chromium, on the shipped models."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious

pytestmark = pytest.mark.browser
WAIT = 120_000
MATCHES = {"en": "matches", "ja": "一致"}
DROPPED = {"en": "dropped without a word", "ja": "何も言わずに"}
ORDER = {"en": "has the role user", "ja": "role は user"}
RIGHT = {"en": "Right", "ja": "正解"}


def unfold(page: Page, name: str) -> None:
    page.set_default_timeout(WAIT)
    page.locator(f"#shots-{name} > .label-wrap").click()


@pytest.mark.parametrize(
    ("lang", "size", "dark"),
    [("en", LAPTOP, False), ("ja", PHONE, False), ("ja", LAPTOP, True)],
)
def test_constrain_write_out_and_mend(
    chromium: Browser,  # noqa: F811
    site: str,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="shots", dark=dark) as page:
        unfold(page, "constrained")
        page.locator("#shots-constrained-go").click()
        twins = page.locator("#shots-constrained-twins")
        expect(twins.locator(".same")).to_have_text(MATCHES[lang], timeout=WAIT)
        steps = page.locator("#shots-constrained-steps tr")
        expect(steps.nth(1)).to_be_visible()
        assert page.locator("#shots-constrained-steps td.out").count()
        page.locator("#shots-constrained-strip .t").first.click()
        expect(page.locator("#shots-constrained-strip .bar.cut").first).to_be_visible()

        unfold(page, "template")
        page.locator("#shots-template-go").click()
        view = page.locator("#shots-template-view")
        expect(view.locator(".plain .system")).to_have_text(
            "You are a helpful assistant.", timeout=WAIT
        )
        counts = view.locator(".starts td:nth-child(2)").all_inner_texts()
        assert int(counts[0]) == int(counts[1]) + 1 == int(counts[2]) + 1
        page.locator("#shots-template-case input[value=second]").check()
        page.locator("#shots-template-manner input[value=dropping]").check()
        status = page.locator("#shots-template-status")
        expect(status).to_contain_text(DROPPED[lang], timeout=WAIT)
        page.locator("#shots-template-case input[value=order]").check()
        expect(status).to_contain_text(ORDER[lang], timeout=WAIT)

        page.locator("#shots-exercises .label-wrap").click()
        page.locator("#shots-check-2").click()
        told = page.locator("#shots-exercise-2-result")
        expect(told.locator(".bad")).to_be_visible(timeout=WAIT)
        page.locator("#shots-exercise-add").get_by_role("checkbox").uncheck()
        page.locator("#shots-check-2").click()
        expect(told).to_contain_text(RIGHT[lang], timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_messages_are_edited_by_keyboard(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="shots") as page:
        unfold(page, "template")
        editor = page.locator("#shots-template-editor")
        expect(editor.locator("li")).to_have_count(2)
        editor.locator("[data-do=add]").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("Yes, <b>gladly</b>.")
        expect(page.locator("#shots-template-view .plain .assistant")).to_have_text(
            "Yes, <b>gladly</b>.", timeout=WAIT
        )
        editor.locator("li").nth(1).locator("[data-do=drop]").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#shots-template-status [role=alert]")).to_contain_text(
            "user must stand there", timeout=WAIT
        )


def test_the_remedies_count_over_a_set(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="shots") as page:
        unfold(page, "run-on")
        page.locator("#shots-run-on-go").click()
        bars = page.locator("#shots-run-on-result .rates li")
        expect(bars).to_have_count(5, timeout=2 * WAIT)
        expect(bars.last).to_contain_text("of 10:", timeout=2 * WAIT)
        expect(bars.first).to_contain_text("0 of 10")
