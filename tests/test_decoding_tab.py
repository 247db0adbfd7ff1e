"""Journeys through the Decoding tab, in Chromium, on the shipped model."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from backend.beams import BeamParams
from backend.lab import Lab
from backend.mbr import best_of, expected_utilities, utilities
from backend.types import SamplingParams
from demo.searches import CASES, SAME, Search, searched
from demo.tabs.decoding import DEFAULTS, PROMPT
from demo.widgets.mbr_panel import DRAWN
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture

browser = pytest.mark.browser
PATIENCE_MS = 40_000


def found(lab: Lab, prompt: str = PROMPT, params: BeamParams = DEFAULTS) -> Search:
    with ThreadPoolExecutor(1) as thread:  # playwright's own loop runs in this one
        coroutine = searched(lab, prompt, params, model="pocket-chat", person="")
        return thread.submit(asyncio.run, coroutine).result()


def press(page: Page, part: str, result: str) -> None:
    page.locator(f"#decoding-{part}").click()
    expect(page.locator(f"#decoding-{result} table").first).to_be_visible(timeout=PATIENCE_MS)


def serious(page: Page) -> list[str]:
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:150]}"
        for v in Axe().run(page).response["violations"]
        if v["impact"] in ("serious", "critical")
    ]


@browser
@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, True), ("ja", LAPTOP, False)]
)
def test_search_tree_samples_and_the_deep_part(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    want = found(lab)
    with visit(chromium, site, lang=lang, size=size, tab="decoding", dark=dark) as page:
        press(page, "go", "finished")
        sides = page.locator("#decoding-sides")
        expect(sides).to_contain_text(f"{want.greedy.total:.3f}")
        expect(sides).to_contain_text(f"{want.beams[0].total:.3f}")
        nodes = sum(len(step.nodes) for step in want.steps)
        expect(page.locator("#decoding-tree [role=treeitem]")).to_have_count(nodes)
        rows = page.locator("#decoding-finished tr")
        expect(rows).to_have_count(1 + DEFAULTS.num_beams)
        expect(rows.nth(1)).to_contain_text(f"{want.beams[0].score(1.0):.4f}")
        press(page, "mbr-go", "mbr")
        expect(page.locator("#decoding-mbr table").first.locator("tr")).to_have_count(9)
        for part in ("exact", "own", "proofs"):
            page.locator(f"#decoding-{part}-fold .label-wrap").click()
        press(page, "exact-go", "exact")
        press(page, "own-go", "own")
        page.locator("#decoding-proofs-go").click()
        proofs = page.locator("#decoding-proofs .tried")
        expect(proofs).to_have_count(4, timeout=PATIENCE_MS)
        expect(proofs.first).to_contain_text("'num_beam'")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


@browser
def test_a_case_where_the_beam_wins_is_found(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    searches = (found(lab, text) for text in CASES)
    want = next(s for s in searches if s.gain > SAME and len(s.beams[0].ids) == len(s.greedy.ids))
    with visit(chromium, site, lang="en", size=LAPTOP, tab="decoding") as page:
        press(page, "case-beam", "finished")
        expect(page.locator("#decoding-prompt textarea")).to_have_value(want.prompt)
        ahead = page.locator("#decoding-sides .ahead")
        expect(ahead).to_contain_text(f"{want.beams[0].total:.3f}")
        expect(ahead).to_contain_text("4 beams")


@browser
def test_the_keyboard_walks_the_tree(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    want = found(lab)
    with visit(chromium, site, lang="en", size=LAPTOP, tab="decoding") as page:
        press(page, "go", "finished")
        page.locator('#decoding-tree [role=treeitem][tabindex="0"]').focus()
        for _ in range(6):
            page.keyboard.press("ArrowRight")
        line = page.locator("#decoding-tree [data-node]")
        expect(line).to_contain_text(f"Token 7: {want.beams[0].pieces[6]}")
        page.keyboard.press("ArrowLeft")
        expect(line).to_contain_text(f"Token 6: {want.beams[0].pieces[5]}")
        page.keyboard.press("ArrowDown")
        expect(line).to_contain_text("Token 6")
        assert page.evaluate("document.activeElement.getAttribute('aria-level')") == "6"


@browser
def test_the_slider_moves_the_winner_and_exercises_are_checked(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
) -> None:
    drawn = SamplingParams(
        do_sample=True, temperature=1.0, seed=7, num_return_sequences=DRAWN, max_new_tokens=32
    )
    made = lab.generate(PROMPT, drawn)
    texts = [lab.decode([s.token_id for s in g.steps], skip_special_tokens=True) for g in made]
    matrix = utilities(texts)
    totals = [sum(s.logprob for s in g.steps) for g in made]
    winners = {n: best_of(expected_utilities(matrix, n)) for n in (2, 8, 16)}
    with visit(chromium, site, lang="en", size=LAPTOP, tab="decoding") as page:
        page.locator("#decoding-exercises .label-wrap").click()
        page.locator("#decoding-check-2").click()
        told = page.locator("#decoding-exercise-2-result")
        expect(told).to_contain_text("Draw samples first")
        press(page, "mbr-go", "mbr")
        for n, winner in winners.items():
            page.locator("#decoding-mbr-n input[type=number]").fill(str(n))
            page.locator("#decoding-mbr-n input[type=number]").press("Enter")
            outcome = page.locator("#decoding-mbr .outcome")
            expect(outcome).to_contain_text(f"N = {n}: MBR takes sample {winner + 1} ")
            page.locator("#decoding-check-2").click()
            right = winner != best_of(totals[:n])
            expect(told).to_contain_text("Right" if right else f"At N = {n}")
        own = "Once there was a small"
        page.locator("#decoding-prompt textarea").fill(own)
        press(page, "go", "finished")
        search = found(lab, own)
        longer = len(search.beams[0].ids) >= len(search.greedy.ids)
        both = search.beams[0].ended and search.greedy.ended
        right = search.gain > SAME and (longer or both)
        page.locator("#decoding-check-1").click()
        told = page.locator("#decoding-exercise-1-result")
        if right:
            expect(told).to_contain_text("Right")
        else:
            expect(told.locator(".bad")).to_be_visible()
        page.locator("#decoding-guess input").first.check()
        first = found(lab)
        expect(page.locator("#decoding-reveal")).to_contain_text(
            f"beam {first.beams[0].total:.3f}", timeout=PATIENCE_MS
        )


@browser
def test_a_link_restores_and_wrong_values_are_told(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="decoding") as page:
        page.goto(f"{site}/?tab=decoding&num_beams=3&mbr_n=5")
        beams = page.locator("#decoding-num-beams input")
        expect(beams).to_have_value("3", timeout=PATIENCE_MS)
        expect(page.locator("#decoding-mbr-n input[type=number]")).to_have_value("5")
        page.locator("#decoding-num-beams input").fill("99")
        page.locator("#decoding-go").click()
        status = page.locator("#decoding-status")
        expect(status).to_contain_text("ビーム幅")
        expect(status).to_contain_text("2から8まで")
        evil = "<img src=x onerror=\"document.title='hit'\">"
        page.locator("#decoding-num-beams input").fill("2")
        page.locator("#decoding-prompt textarea").fill(evil)
        press(page, "go", "finished")
        assert page.locator("#tab-decoding img").count() == 0
