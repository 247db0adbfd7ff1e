"""Journeys through the first half of the Shots tab, in Chromium, on the shipped models."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.lab import Lab
from backend.shots import CONTENT, COURSE, Shot, answer_of, as_text, last_of
from backend.types import SamplingParams
from demo.widgets.shot_editor import write_shots
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious
from tests.test_scheduler import until

pytestmark = pytest.mark.browser
LONG = 60_000  # ms: on two cores beside others
PARAMS = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=48)
DONE = {"en": "seed 7", "ja": "シード 7"}
COUNTED = {"en": "in each row", "ja": "1行につき"}


def rows(page: Page) -> Locator:
    return page.locator("#shots-rows .answers > li")


def held(page: Page) -> list[list[str]]:
    """The examples as the editor shows them."""
    return page.locator("#shots-editor li").evaluate_all(
        "items => items.map(li => [...li.querySelectorAll('textarea')].map(t => t.value))"
    )


@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, True), ("ja", LAPTOP, False)]
)
def test_rows_over_a_set_and_side_by_side(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="shots", dark=dark) as page:
        page.locator("#shots-go").click()
        expect(page.locator("#shots-status")).to_contain_text(DONE[lang], timeout=LONG)
        expect(rows(page)).to_have_count(3)
        for n in range(3):
            prompt = as_text(last_of(COURSE, n), CONTENT)
            [want] = lab.generate(prompt, PARAMS, model="pocket-base")
            answer, rest = answer_of(want.text)
            expect(rows(page).nth(n).locator(".said")).to_have_text(answer)
            expect(rows(page).nth(n).locator(".on")).to_have_count(1 if rest else 0)
        page.locator("#shots-kind input[value=labels]").check()
        page.locator("#shots-items input[value='10']").check()
        page.locator("#shots-compare").click()
        status = page.locator("#shots-set-status")
        expect(status).to_contain_text(COUNTED[lang], timeout=3 * LONG)
        bars = page.locator("#shots-set-result .rates li")
        expect(bars).to_have_count(6)
        page.locator("#shots-base-chat-fold .label-wrap").first.click()
        page.locator("#shots-pair-go").click()
        expect(page.locator("#shots-pair tr")).to_have_count(5, timeout=LONG)
        page.locator("#shots-name-fold .label-wrap").first.click()
        expect(page.locator("#shots-name-parts li")).to_have_count(6)
        page.locator("#shots-newline-fold .label-wrap").first.click()
        page.locator("#shots-newline-go").click()
        expect(page.locator("#shots-newline .plain")).to_have_count(2, timeout=LONG)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_examples_are_added_moved_and_dropped_by_keyboard(
    chromium: Browser,  # noqa: F811
    site: str,
) -> None:
    with visit(chromium, site, lang="en", size=LAPTOP, tab="shots") as page:
        expect(page.locator("#shots-editor li")).to_have_count(2)
        course = held(page)
        page.locator("#shots-editor [data-do=down]").first.focus()
        page.keyboard.press("Enter")
        assert held(page) == course[::-1]
        page.locator("#shots-editor [data-do=add]").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("<b>Good</b> morning.")
        page.keyboard.press("Tab")
        page.keyboard.type("おはよう。")
        assert held(page) == [*course[::-1], ["<b>Good</b> morning.", "おはよう。"]]
        shown = page.locator("#shots-prompt")
        expect(shown).to_contain_text("<b>Good</b> morning.", timeout=LONG)
        page.locator("#shots-editor [data-do=up]").nth(2).focus()
        page.keyboard.press("Enter")
        assert [pair[0] for pair in held(page)][1] == "<b>Good</b> morning."
        page.locator("#shots-editor [data-do=drop]").nth(1).focus()
        page.keyboard.press("Enter")
        assert held(page) == course[::-1]
        assert page.evaluate("document.activeElement.dataset.do") == "drop"
        for _ in range(2):
            page.locator("#shots-editor [data-do=drop]").first.click()
        expect(page.locator("#shots-editor li")).to_have_count(0)
        page.locator("#shots-go").click()
        expect(rows(page)).to_have_count(1, timeout=LONG)
        page.locator("#shots-editor [data-do=course]").click()
        assert held(page) == course


def test_a_link_restores_examples_and_settings(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="start") as page:
        own = write_shots((Shot(english="Thank you.", japanese="ありがとう。"),))
        asked = f"&shots={quote(own)}&model=pocket-chat&form=turns&seed=3&compare=order&items=40"
        page.goto(f"{site}/?tab=shots{asked}")
        expect(page.locator("#shots-editor li")).to_have_count(1, timeout=LONG)
        assert held(page) == json.loads(own)
        for part, value in (("model", "pocket-chat"), ("form", "turns"), ("kind", "order")):
            expect(page.locator(f"#shots-{part} input[value={value}]")).to_be_checked()
        expect(page.locator("#shots-items input[value='40']")).to_be_checked()
        expect(page.locator("#shots-seed input")).to_have_value("3")


def test_predict_exercise_and_stop(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="shots") as page:
        page.locator("#shots-guess input").first.check()
        expect(page.locator("#shots-reveal")).to_contain_text("Measured just now", timeout=3 * LONG)
        page.locator("#shots-exercises .label-wrap").click()
        page.locator("#shots-check-1").click()
        told = page.locator("#shots-exercise-1-result")
        expect(told).to_contain_text("Count", timeout=LONG)
        for i, (english, japanese) in enumerate(
            (
                ("Thank you very much.", "どうもありがとうございます。"),
                ("Good night.", "おやすみ。"),
            )
        ):
            fields = page.locator("#shots-editor li").nth(i).locator("textarea")
            fields.first.fill(english)
            fields.last.fill(japanese)
        expect(page.locator("#shots-prompt")).to_contain_text("おやすみ。", timeout=LONG)
        page.locator("#shots-compare").click()
        expect(page.locator("#shots-set-status")).to_contain_text(COUNTED["en"], timeout=4 * LONG)
        page.locator("#shots-check-1").click()
        expect(told).to_contain_text("Right", timeout=LONG)
        page.locator("#shots-items input[value='100']").check()
        page.locator("#shots-compare").click()
        assert until(lambda: lab.status().active_streams > 0, timeout_s=20.0)
        page.locator("#shots-set-stop").click()
        assert until(lambda: lab.status().active_streams == 0, timeout_s=20.0)
        expect(page.locator("#shots-set-status")).to_have_text("stopped", timeout=LONG)
