"""Journeys through the samples half of the Diversity tab, in Chromium, on the shipped model."""

import statistics

import pytest
from playwright.sync_api import Browser, expect

from backend.channel import Channel
from backend.diversity import self_bleu
from backend.lab import Lab
from backend.types import SamplingParams
from demo.widgets.sweep import TEMPERATURES, TOP_PS
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious
from tests.test_scheduler import until

pytestmark = pytest.mark.browser
PROMPT = "Tell me a story about a dragon."
DONE = {"en": "seed 7", "ja": "シード 7"}


def texts_of(lab: Lab, **changed: object) -> list[str]:
    values = {"temperature": 0.8, "top_p": 0.9, "seed": 7, "max_new_tokens": 60} | changed
    params = SamplingParams(do_sample=True, num_return_sequences=3, **values)  # type: ignore[arg-type]
    return [made.text.strip() for made in lab.generate(PROMPT, params)]


@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, True), ("ja", LAPTOP, False)]
)
def test_three_texts_their_scores_and_everything_below(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="diversity", dark=dark) as page:
        page.locator("#samples-go").click()
        expect(page.locator("#samples-status")).to_contain_text(DONE[lang], timeout=30_000)
        texts = texts_of(lab)
        expect(page.locator("#samples-texts li")).to_have_count(3)
        assert page.locator("#samples-texts li .text").first.inner_text().strip() == texts[0]
        if len(set(texts)) > 1:
            assert page.locator("#samples-texts mark").count()
        mean = statistics.fmean(self_bleu(texts))
        expect(page.locator("#samples-scores td.new")).to_contain_text(f"{mean:.2f}")
        for part in ("nested", "traps", "effective", "refused"):
            page.locator(f"#samples-{part} .label-wrap").click()
        expect(page.locator("#samples-nested .box.dict")).to_have_count(3)
        expect(page.locator("#samples-traps")).to_contain_text("13a")
        page.locator("#samples-effective-go").click()
        expect(page.locator("#samples-effective-table")).to_contain_text("top_k=50")
        page.locator("#samples-refused-go").click()
        rows = page.locator("#samples-refused-table tr")
        expect(rows).to_have_count(7, timeout=30_000)
        expect(rows.nth(1)).to_contain_text("Greedy methods")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_the_sweep_opens_its_cells_by_keyboard_and_is_kept(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
) -> None:
    with visit(chromium, site, lang="en", size=LAPTOP, tab="diversity") as page:
        page.locator("#samples-max-new-tokens input").fill("20")
        page.locator("#samples-sweep .label-wrap").click()
        page.locator("#samples-sweep-go").click()
        cells = page.locator("#samples-sweep-grid [data-cell]")
        expect(cells).to_have_count(len(TEMPERATURES) * len(TOP_PS), timeout=90_000)
        expect(page.locator("#samples-sweep-status")).to_contain_text("16 settings", timeout=30_000)
        page.locator('[data-cell="6"]').focus()
        page.keyboard.press("Enter")
        opened = page.locator("#samples-sweep-opened")
        expect(opened).to_contain_text(f"T {TEMPERATURES[1]}, top_p {TOP_PS[2]}", timeout=20_000)
        texts = texts_of(lab, temperature=TEMPERATURES[1], top_p=TOP_PS[2], max_new_tokens=20)
        assert opened.locator("li .text").first.inner_text().strip() == texts[0]
        assert not serious(page)
    with visit(chromium, site, lang="ja", size=PHONE, tab="diversity") as page:
        page.locator("#samples-max-new-tokens input").fill("20")
        page.locator("#samples-sweep .label-wrap").click()
        page.locator("#samples-sweep-go").click()  # another person, in the other language
        expect(page.locator("#samples-sweep-status")).to_contain_text(
            "計算したのは0通り", timeout=30_000
        )
        page.locator("#samples-recorded .label-wrap").click()
        expect(page.locator("#samples-recorded-table")).to_contain_text("23.46")
        page.locator("#samples-recorded-go").click()
        expect(page.locator("#samples-recorded-table tr")).to_have_count(13, timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_stop_ends_the_sweep(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    slowly: Channel[object],
) -> None:
    with visit(chromium, site, lang="en", size=LAPTOP, tab="diversity") as page:
        page.locator("#samples-max-new-tokens input").fill("500")
        page.locator("#samples-sweep .label-wrap").click()
        page.locator("#samples-sweep-go").click()
        assert until(lambda: lab.status().active_streams > 0)
        page.locator("#samples-sweep-stop").click()
        assert until(lambda: lab.status().active_streams == 0)
        expect(page.locator("#samples-sweep-status")).to_contain_text("Stopped")
        page.locator("#samples-go").click()
        assert until(lambda: lab.status().active_rows == 3)
        page.locator("#samples-stop").click()
        assert until(lambda: lab.status().active_streams == 0)
        expect(page.locator("#samples-scores table")).to_be_visible()  # of what was there


def test_the_inspector_the_exercise_and_the_link(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
) -> None:
    with visit(chromium, site, lang="en", size=LAPTOP, tab="diversity") as page:
        page.goto(f"{site}/?tab=diversity&n=4&top_p=1")
        expect(page.locator("#samples-n input")).to_have_value("4")
        expect(page.locator("#samples-top-p input")).to_have_value("1")
        page.locator("#samples-inspector .label-wrap").click()
        shown = page.locator("#samples-inspector-result")
        for index, says in ((0, "are the same"), (3, "They part at token")):
            page.locator("#samples-inspector-which input").nth(index).check()
            page.locator("#samples-inspector-go").click()
            expect(shown).to_contain_text(says, timeout=30_000)
        page.locator("#samples-exercise .label-wrap").click()
        page.locator("#samples-check-2").click()
        told = page.locator("#samples-exercise-2-result")
        expect(told).to_contain_text("no run of three texts")
        page.locator("#samples-temperature input").fill("100")
        page.locator("#samples-go").click()
        expect(page.locator("#samples-status")).to_contain_text("seed 7", timeout=30_000)
        page.locator("#samples-check-2").click()
        expect(told).to_contain_text("the floor", timeout=30_000)  # noise is not enough
        page.locator("#samples-mode input").first.check()
        page.locator("#samples-go").click()
        expect(page.locator("#samples-status")).to_contain_text("Greedy methods", timeout=30_000)
        page.locator("#samples-mode input").nth(1).check()
        page.locator("#samples-temperature input").fill("0")
        page.locator("#samples-go").click()
        expect(page.locator("#samples-status")).to_contain_text("(temperature)", timeout=30_000)
