"""Journeys through the Diversity tab's upper half: words, filters, temperature, the next token."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from backend.lab import Lab
from backend.next_token import NextTokens
from backend.sampling import passes
from backend.types import SamplingParams
from demo.widgets.steps_panel import PROMPT
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture

pytestmark = pytest.mark.browser
STAY = {"en": "{n} of 10 can be drawn", "ja": "10個のうち{n}個から"}


def settle(page: Page, name: str, value: str) -> None:
    """Type a value into a slider's number box."""
    box = page.locator(f"#diversity-{name} input[type=number]")
    box.fill(value)
    box.press("Enter")


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:150]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, True), ("ja", LAPTOP, False)]
)
def test_words_filters_and_temperature(
    chromium: Browser,  # noqa: F811
    site: str,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="diversity", dark=dark) as page:
        status = page.locator("#diversity-status")
        expect(status).to_contain_text(STAY[lang].format(n=6))  # top_p 0.8 at once, row 21
        expect(page.locator("#diversity-steps")).to_contain_text("0.294")
        settle(page, "top_k", "5")
        expect(status).to_contain_text(STAY[lang].format(n=4))  # errata 16
        expect(page.locator("#diversity-steps .wf")).to_have_count(2)
        expect(page.locator("#diversity-steps .wf").last.locator(".cut")).to_have_count(7)
        page.locator("#diversity-more .label-wrap").click()
        page.locator("#diversity-order input").nth(1).check()
        expect(status).to_contain_text(STAY[lang].format(n=5))
        # the words: a number too many is told, and mended by dividing
        page.locator("#diversity-words input[type=number]").first.fill("0.5")
        expect(page.locator("#diversity-words .sum")).to_contain_text("1.250")
        expect(status).to_contain_text("1.25")
        expect(status.locator(".bad")).to_be_visible()
        page.locator("#diversity-words .tool").first.click()
        expect(page.locator("#diversity-words .sum")).to_contain_text("1.000")
        expect(status.locator(".bad")).to_have_count(0)
        page.locator("#diversity-words .tool").last.click()
        expect(status).to_contain_text(STAY[lang].format(n=5))
        page.locator("#diversity-draw").click()
        expect(page.locator("#diversity-drawn .wf-row")).to_have_count(5)
        # predict, then the exercise: wrong first, then right
        page.locator("#diversity-guess input").nth(1).check()
        expect(page.locator("#diversity-reveal")).to_contain_text("4")
        page.locator("#diversity-exercises .label-wrap").click()
        page.locator("#diversity-check-1").click()
        verdict = page.locator("#diversity-exercise-1-result")
        expect(verdict.locator(".bad")).to_be_visible()
        settle(page, "top_k", "0")
        settle(page, "epsilon_cutoff", "0.12")
        settle(page, "top_p", "1")
        expect(status).to_contain_text(STAY[lang].format(n=3))
        page.locator("#diversity-check-1").click()
        expect(verdict.locator("[data-exercise=diversity-1]")).to_be_visible()
        page.locator("#diversity-heat-fold .label-wrap").first.click()
        expect(page.locator("#diversity-heat-panels [data-heat=twin]")).to_contain_text("0.110")
        page.locator("#diversity-change input").nth(2).check()
        expect(page.locator("#diversity-heat-panels [data-heat=scale]")).to_contain_text("0.409")
        settle(page, "heat", "10")
        expect(page.locator("#diversity-levels")).to_contain_text("0.087")
        page.locator("#diversity-checked-fold .label-wrap").click()
        expect(page.locator("#diversity-checked")).to_contain_text("1.001, 1.008, 1.022")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_the_real_next_token_and_its_link(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="diversity") as page:
        page.locator("#diversity-source input").nth(1).check()
        expect(page.locator("#diversity-status")).to_contain_text("One forward of pocket-chat")
        settle(page, "top_k", "7")
        first = NextTokens(lab)(PROMPT)
        params = SamplingParams(do_sample=True, top_k=7, top_p=0.8)
        last = list(passes(first.logits, params))[-1].probs
        kept = int((last > 0).sum())
        figure = page.locator("#diversity-steps .wf").last
        expect(figure).to_have_attribute("data-kept", str(kept))
        best = int(last.argmax())
        expect(figure.locator("code").first).to_have_text(first.pieces[best])
        expect(figure.locator(".n").first).to_have_text(f"{last[best].item():.3f}")
        evil = "<img src=x onerror=\"document.title='hit'\">"
        page.locator("#diversity-prompt textarea").fill(evil)
        page.locator("#diversity-look").click()
        expect(page.locator("#diversity-status")).to_contain_text(
            f"over {len(lab.tokenize(evil))} tokens"
        )
        assert page.locator("#diversity-steps img").count() == 0
        assert page.title() == "LLM Tutorial Lab"
        page.goto(f"{site}/?tab=diversity&step_top_k=3&step_top_p=1&step_order=heat_last")
        expect(page.locator("#diversity-status")).to_contain_text("3 of 10 can be drawn")
        expect(page.locator("#diversity-steps")).to_contain_text("0.417")


def test_the_keyboard_moves_a_bar(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="diversity") as page:
        expect(page.locator("#diversity-status")).to_contain_text("6 of 10")
        page.locator("#diversity-words input[type=range]").first.focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#diversity-words .sum")).to_contain_text("0.990")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#diversity-words .sum")).to_contain_text("1.000")
        assert page.evaluate("document.activeElement.type") == "range"
