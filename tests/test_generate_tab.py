"""Journeys through the Generate tab, in Chromium, on the shipped model."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from backend.channel import Channel
from backend.lab import Lab
from backend.types import SamplingParams
from demo.tabs.generate import BRIEF
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_scheduler import until

pytestmark = pytest.mark.browser
PROMPT = "Tell me a story about a dragon."
DEFAULTS = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=120)
ENDED = {"en": "seed 7", "ja": "シード 7"}


def generate(page: Page, lang: str) -> None:
    page.locator("#generate-go").click()
    expect(page.locator("#generate-status")).to_contain_text(ENDED[lang], timeout=20_000)


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:150]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(
    ("lang", "size", "dark"),
    [("en", LAPTOP, False), ("ja", LAPTOP, True), ("ja", PHONE, False), ("en", PHONE, True)],
)
def test_a_story_its_tokens_and_a_fork(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="generate", dark=dark) as page:
        assert page.evaluate("document.documentElement.lang") == lang
        generate(page, lang)
        [want] = lab.generate(PROMPT, DEFAULTS)
        chips = page.locator("#generate-strip [data-i]")
        expect(chips).to_have_count(len(want.steps))
        chips.nth(4).click()
        pop = page.locator("#generate-strip .pop")
        expect(pop).to_be_visible()
        assert pop.locator(".bar").count() >= 5
        forks = pop.locator("[data-fork]")
        other = int(forks.first.get_attribute("data-fork") or -1)
        forks.first.click()
        expect(page.locator("#generate-strip .branches li")).to_have_count(2, timeout=20_000)
        expect(page.locator("#generate-status")).to_contain_text(ENDED[lang], timeout=20_000)
        prefix = (*(s.token_id for s in want.steps[:4]), other)
        params = SamplingParams(
            do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=115
        )
        [branch] = lab.generate(PROMPT, params, prefix_ids=prefix)
        expect(chips).to_have_count(5 + len(branch.steps))
        page.locator('#generate-strip [data-branch="0"]').click()
        expect(chips).to_have_count(len(want.steps))
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_the_keyboard_walks_opens_and_closes(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as page:
        generate(page, "en")
        page.locator('#generate-strip [data-i][tabindex="0"]').focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(page.locator("#generate-strip .pop")).to_be_visible()
        assert page.evaluate("document.activeElement.dataset.i") is not None
        page.keyboard.press("Escape")
        expect(page.locator("#generate-strip .pop")).to_have_count(0)


def test_stopping_and_leaving_free_the_row(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    slowly: Channel[object],
) -> None:
    for leave in ("stop", "close"):
        with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as page:
            page.locator("#generate-temperature input").fill("100")
            page.locator("#generate-max-new-tokens input").fill("512")
            page.locator("#generate-go").click()
            assert until(lambda: lab.status().active_streams == 1)
            if leave == "stop":
                page.locator("#generate-stop").click()
                assert until(lambda: lab.status().active_streams == 0)
                expect(page.locator("#generate-status")).to_contain_text("Stopped")
        assert until(lambda: lab.status().active_streams == 0)


def test_wrong_values_are_told_where_one_looks(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="generate") as page:
        page.locator("#generate-top-p input").fill("2")
        page.locator("#generate-go").click()
        status = page.locator("#generate-status")
        expect(status).to_contain_text("top_p")
        expect(status).to_contain_text("0より大きく1以下")
        page.locator("#generate-top-p input").fill("0.9")
        page.locator("#generate-prompt textarea").fill("")
        page.locator("#generate-go").click()
        expect(status).to_contain_text("空です")
        page.locator("#generate-prompt textarea").fill(PROMPT)
        generate(page, "ja")


def test_model_and_user_text_stays_text(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as page:
        evil = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
        page.locator("#generate-prompt textarea").fill(evil)
        generate(page, "en")
        page.locator("#generate-inside .label-wrap").click()
        expect(page.locator("#generate-look")).to_contain_text("skip_special_tokens")
        assert page.title() == "LLM Tutorial Lab"
        assert (
            page.locator("#generate-strip img, #generate-look img, #generate-code img").count() == 0
        )


def test_exercises_predict_and_repeats(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as page:
        page.locator("#generate-guess input").nth(1).check()
        expect(page.locator("#generate-reveal")).to_contain_text(
            f"Measured: {len(lab.tokenize(PROMPT))}"
        )
        page.locator("#generate-exercises .label-wrap").click()
        page.locator("#generate-check-2").click()
        expect(page.locator("#generate-exercise-2-result")).to_contain_text("Nothing has been")
        page.locator("#generate-prompt textarea").fill("1+1=?")
        page.locator("#generate-mode input").first.check()
        page.locator("#generate-go").click()
        expect(page.locator("#generate-status")).to_contain_text("end token", timeout=20_000)
        page.locator("#generate-check-2").click()
        [answer] = lab.generate("1+1=?")
        right = len(answer.steps) <= BRIEF and answer.finish_reason == "stop"
        verdict = "Right" if right else f"{len(answer.steps)} new tokens"
        expect(page.locator("#generate-exercise-2-result")).to_contain_text(verdict)
        page.locator("#generate-exercise-1 textarea").fill("one two")
        page.locator("#generate-exercise-1 textarea").press("Enter")
        expect(page.locator("#generate-exercise-1-result")).to_contain_text("2 words")
        page.locator("#generate-exercise-1 textarea").fill("竜 鱗 翼 焔 城")
        page.locator("#generate-exercise-1 textarea").press("Enter")
        expect(page.locator("#generate-exercise-1-result")).to_contain_text("Right")
        page.locator("#generate-repeat .label-wrap").click()
        page.locator("#generate-same-seed").click()
        repeated = page.locator("#generate-repeated")
        expect(repeated.locator(".same")).to_have_count(3, timeout=20_000)


def test_leaving_ends_the_repeats_too(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    slowly: Channel[object],
) -> None:
    for leave in ("stop", "close"):
        with visit(chromium, site, lang="en", size=LAPTOP, tab="generate") as page:
            page.locator("#generate-temperature input").fill("100")
            page.locator("#generate-max-new-tokens input").fill("512")
            page.locator("#generate-repeat .label-wrap").click()
            page.locator("#generate-other-seeds").click()
            assert until(lambda: lab.status().active_streams > 0)
            if leave == "stop":
                page.locator("#generate-stop").click()
                assert until(lambda: lab.status().active_streams == 0, 30)
        assert until(lambda: lab.status().active_streams == 0, 30)


def test_the_language_switch_keeps_the_tab_and_is_remembered(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="chat") as page:
        page.locator("#frame a[data-lang=ja]").click()
        page.locator("#chat-stop").wait_for(state="visible")
        assert page.url.endswith("/ja/?tab=chat")
        page.goto(site + "/")
        page.locator("#generate-stop").wait_for()
        assert page.url.endswith("/ja/")
        assert page.evaluate("document.documentElement.lang") == "ja"
