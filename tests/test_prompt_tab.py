"""Journeys through the Prompt tab, in Chromium, on the shipped models; two colours in every box."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from backend.instructions import CONTENT, COURSE
from backend.lab import Lab
from backend.prompts import prompt
from backend.types import SamplingParams
from demo.tabs.prompt import GUESSED_ON
from demo.theme import ASSETS
from demo.widgets.prompt_ask import UNSEEN
from pocket.facts import CONTEXT, CONTEXT_JA
from pocket.sums import AT_ONCE, AT_ONCE_JA, WORKED, WORKED_JA
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_scheduler import until

LONG = 60_000  # ms: these run beside others
DONE = {"en": "All prompts are answered", "ja": "すべてのプロンプトに"}
COUNTED = {"en": "Drawn at temperature", "ja": "シードは0から"}


def test_the_rule_knows_the_wordings_of_the_grammar() -> None:
    script = (ASSETS / "prompt.js").read_text("utf-8").replace("\\\\.", ".")
    for text in (AT_ONCE, WORKED, AT_ONCE_JA, WORKED_JA):
        assert text in script
    for form in (CONTEXT, CONTEXT_JA):
        assert form.split("\n")[0] in script


def type_in(page: Page, part: str, text: str) -> None:
    page.locator(f"#prompt-{part} textarea").fill(text)


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:150]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, False), ("ja", LAPTOP, True)]
)
def test_a_grid_of_templates_and_contents(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="prompt", dark=dark) as page:
        page.locator("#prompt-go").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#prompt-status")).to_contain_text(DONE[lang], timeout=LONG)
        rows = page.locator("#prompt-grid tr")
        expect(rows).to_have_count(1 + len(COURSE))
        for column, content in enumerate((CONTENT, *UNSEEN)):
            said = rows.nth(1).locator("td").nth(column).locator(".said")
            text = prompt(COURSE[0], {"content": content})
            for number, model in enumerate(("pocket-base", "pocket-chat")):
                [made] = lab.generate(text, SamplingParams(max_new_tokens=40), model=model)
                line = (made.text.strip().splitlines() or [""])[0].strip()
                expect(said.nth(number)).to_contain_text(line)
        expect(page.locator("#prompt-grid-rates li")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


@pytest.mark.browser
def test_slips_are_told_while_one_writes(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="prompt") as page:
        drawn = page.locator("#prompt-drawn")
        expect(drawn.locator("code .c")).to_have_text(CONTENT)
        type_in(page, "template", "訳してください：{content} {more}")
        expect(drawn).to_contain_text("{more}", timeout=LONG)
        expect(drawn.locator(".bad")).to_have_count(1)
        page.locator("#prompt-more .label-wrap").click()
        type_in(page, "others", "more = ていねいに")
        expect(drawn.locator("code .c")).to_have_text([CONTENT, "ていねいに"], timeout=LONG)
        type_in(page, "template", "訳：{content")
        expect(drawn).to_contain_text("波括弧", timeout=LONG)
        type_in(page, "template", "<img src=x> {content} {more}")
        expect(drawn.locator("code .i").first).to_have_text("<img src=x> ", timeout=LONG)
        assert page.locator("#prompt-drawn img").count() == 0


@pytest.mark.browser
def test_every_prompt_box_is_in_two_colours(chromium: Browser, site: str) -> None:  # noqa: F811
    boxes = {"generate": "prompt", "decoding": "prompt", "chat": "system"}
    for tab, part in boxes.items():
        with visit(chromium, site, lang="en", size=LAPTOP, tab=tab) as page:
            box = page.locator(f"#{tab}-{part}")
            box.locator("textarea").fill("Please translate to Japanese: The dragon is happy.")
            fixed = box.locator(".parts code .i")
            if part == "system":
                expect(fixed).to_have_text("Please translate to Japanese: The dragon is happy.")
                page.locator("#chat-message textarea").fill("1+2=? Think step by step.")
                parts = page.locator("#chat-message .parts code")
                expect(parts.locator(".c")).to_have_text("1+2=?")
                expect(parts.locator(".i")).to_have_text(" Think step by step.")
                continue
            expect(fixed).to_have_text("Please translate to Japanese: ")
            expect(box.locator(".parts code .c")).to_have_text("The dragon is happy.")
            lines = fixed.evaluate(
                "(e) => [e, e.nextSibling].map((x) => getComputedStyle(x).textDecorationStyle)"
            )
            assert lines == ["solid", "dotted"]


@pytest.mark.browser
def test_predict_exercises_and_the_sets(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="prompt") as page:
        page.locator("#prompt-guess input").first.check()
        expect(page.locator("#prompt-reveal")).to_contain_text(
            f"of {GUESSED_ON}. It goes on", timeout=LONG
        )
        page.locator("#prompt-exercises .label-wrap").click()
        page.locator("#prompt-check-1").click()
        first = page.locator("#prompt-exercise-1-result")
        expect(first).to_contain_text("Nothing has been asked")
        page.locator("#prompt-go").click()
        expect(page.locator("#prompt-status")).to_contain_text(DONE["en"], timeout=LONG)
        page.locator("#prompt-check-1").click()
        expect(first).to_contain_text("one of the course's templates")
        page.locator("#prompt-more .label-wrap").click()
        page.locator("#prompt-four input").uncheck()
        type_in(page, "template", "Please translate into Japanese: {content}")
        page.locator("#prompt-go").click()
        expect(page.locator("#prompt-grid tr")).to_have_count(2, timeout=LONG)
        expect(page.locator("#prompt-status")).to_contain_text(DONE["en"], timeout=LONG)
        page.locator("#prompt-check-1").click()
        expect(first).to_contain_text("Right")

        page.locator("#prompt-success .label-wrap").first.click()
        page.locator("#prompt-success-go").click()
        expect(page.locator("#prompt-success-status")).to_contain_text(COUNTED["en"], timeout=LONG)
        expect(page.locator("#prompt-success-shown li")).to_have_count(3)
        expect(page.locator("#prompt-success-shown li").first).to_contain_text("of 10")

        page.locator("#prompt-check-2").click()
        second = page.locator("#prompt-exercise-2-result")
        expect(second).to_contain_text("had 0 problems")
        page.locator("#prompt-thought .label-wrap").first.click()
        page.locator("#prompt-one-go").click()
        expect(page.locator("#prompt-steps .worked-steps li").first).to_be_visible(timeout=LONG)
        page.locator("#prompt-every-go").click()
        expect(page.locator("#prompt-thought-bars")).to_contain_text("Gain", timeout=LONG)
        page.locator("#prompt-check-2").click()
        expect(second).to_contain_text("Right")


@pytest.mark.browser
def test_a_link_restores_and_stopping_frees(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="prompt") as page:
        page.goto(f"{site}/?tab=prompt&template=Say%20{{content}}&four=false&said_in=ja")
        template = page.locator("#prompt-template textarea")
        expect(template).to_have_value("Say {content}", timeout=LONG)
        page.locator("#prompt-more .label-wrap").click()
        expect(page.locator("#prompt-four input")).not_to_be_checked()
        expect(page.locator("#prompt-drawn code .i")).to_have_text("Say ", timeout=LONG)
    with visit(chromium, site, lang="en", size=LAPTOP, tab="prompt") as page:
        page.locator("#prompt-success .label-wrap").first.click()
        page.locator("#prompt-n input").last.check()
        page.locator("#prompt-success-go").click()
        assert until(lambda: lab.status().active_streams > 0, timeout_s=30)
        page.locator("#prompt-success-stop").click()
        assert until(lambda: lab.status().active_streams == 0, timeout_s=10)
        expect(page.locator("#prompt-success-status")).to_contain_text("Stopped", timeout=LONG)
