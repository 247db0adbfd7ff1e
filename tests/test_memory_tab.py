"""Journeys through the Memory tab, in Chromium: estimate, bits, copies, proofs, exercises."""

import contextlib

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.lab import Lab
from backend.memory import estimate, largest_context
from backend.precision import PRECISIONS
from demo.tabs.memory import ASKED_GIB, ASKED_PRECISION, ASKED_SEQUENCES
from demo.widgets.memory_stack import GIB, LLAMA, size
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious

pytestmark = pytest.mark.browser
DONE = {"en": "7 precisions measured", "ja": "7種類の精度を測りました"}
WIDTH = "document.documentElement.scrollWidth <= window.innerWidth"
FOLDS = ("fitting", "oom", "kv-fold", "residents-fold", "others", "errata")


def unfold(page: Page, *names: str) -> None:
    """Open folds by keyboard: the page moves under a mouse; one being drawn is tried again."""
    for name in names:
        label = page.locator(f"#memory-{name} .label-wrap").first
        while "open" not in (label.get_attribute("class") or "").split():
            label.press("Enter")
            with contextlib.suppress(AssertionError):  # a second press would close it again
                expect(label).to_contain_class("open", timeout=3_000)


@pytest.mark.parametrize(
    ("lang", "size_", "dark"),
    [("en", LAPTOP, False), ("ja", PHONE, True)],
)
def test_every_precision_is_measured_beside_the_loaded_model(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size_: tuple[int, int],
    dark: bool,
) -> None:
    before = lab.status().models
    with visit(chromium, site, lang=lang, size=size_, tab="memory", dark=dark) as page:
        page.locator("#memory-go").click()
        expect(page.locator("#memory-status")).to_contain_text(DONE[lang], timeout=60_000)
        table = page.locator("#memory-damage table")
        expect(table.locator("tr")).to_have_count(1 + len(PRECISIONS))
        for name in PRECISIONS:
            row = table.locator("tr", has=page.get_by_role("rowheader", name=name, exact=True))
            total = size(estimate("pocket-chat", name).total_bytes)
            expect(row.locator("td").nth(0)).to_have_text(total)
            expect(row.locator("td").nth(1)).to_have_text(f"{total} =")  # to the byte
        unfold(page, *FOLDS)
        page.locator("#memory-kv").click()
        expect(page.locator("#memory-kv-result svg")).to_be_visible(timeout=30_000)
        page.locator("#memory-prove").click()
        proofs = page.locator("#memory-proofs li")
        expect(proofs).to_have_count(4, timeout=60_000)
        expect(proofs.nth(0)).to_contain_text("Linear4bit")
        assert page.evaluate(WIDTH)
        assert not serious(page)
    held = {info.model: info.precision for info in lab.status().models}
    assert held.items() >= {info.model: info.precision for info in before}.items()


def test_bits_and_the_estimate_answer_at_once(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="memory") as page:
        boxes = page.locator("#memory-boxes")
        expect(boxes).to_contain_text("1.0009765625")
        page.locator("#memory-number input, #memory-number textarea").first.fill("70000")
        expect(boxes.locator("output")).to_have_text(["70000", "inf", "70144", "70000", "70000"])
        page.locator("#memory-number input, #memory-number textarea").first.fill("much")
        expect(boxes).to_contain_text("much is not a number")
        bars = page.locator("#memory-bars .memtrack")
        expect(bars).to_have_count(len(PRECISIONS))
        expect(page.locator("#memory-bars .diff")).to_have_count(1)  # fp32 on 16 GiB
        page.locator("#memory-card_gib input").fill("6")
        expect(page.locator("#memory-bars .diff")).to_have_count(7)  # 4 bit too, by its peak
        page.locator("#memory-sequences input").fill("0")
        expect(page.locator("#memory-told")).to_contain_text("sequences")


def test_predict_and_exercises(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="memory") as page:
        page.locator("#memory-guess input").nth(1).check()
        expect(page.locator("#memory-reveal")).to_contain_text("1/6.9")
        unfold(page, "exercises")
        longest = largest_context(
            LLAMA, ASKED_PRECISION, memory_bytes=ASKED_GIB * GIB, sequences=ASKED_SEQUENCES
        )
        told = page.locator("#memory-exercise-1-result")
        for positions, verdict in ((longest + 50, "at the peak"), (longest - 3, "Right")):
            page.locator("#memory-longest input").fill(str(positions))
            page.locator("#memory-check-1").click()
            expect(told).to_contain_text(verdict)
        page.locator("#memory-check-2").click()
        expect(page.locator("#memory-exercise-2-result")).to_contain_text("is not one")
        page.locator("#memory-number input, #memory-number textarea").first.fill("1e6")
        page.locator("#memory-check-2").click()
        expect(page.locator("#memory-exercise-2-result")).to_contain_text("Right")
        expect(page.locator("#memory-exercises [data-progress]")).to_contain_text("2")


def test_the_teacher_loads_and_unloads(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="memory") as page:
        unfold(page, "residents-fold")
        try:
            lab.load_model("pocket-base", "nf4")
            page.locator("#memory-unload").click()
            expect(page.locator("#memory-loaded")).to_contain_text("is unloaded")
            assert [info.model for info in lab.status().models] == ["pocket-base"]
            page.locator("#memory-load").click()
            expect(page.locator("#memory-loaded")).to_contain_text("pocket-chat at fp32")
            table = page.locator("#memory-residents table")
            expect(table.get_by_text("+0 B")).to_have_count(2)
            page.locator("#memory-unload").click()
            expect(page.locator("#memory-loaded")).to_contain_text("current model")
        finally:
            lab.load_model("pocket-base", "fp32")
            lab.load_model("pocket-chat", "fp32")


def test_a_link_restores_the_settings(chromium: Browser, site: str) -> None:  # noqa: F811
    link = "memory&card=6&context=512&sequences=2&number=0.1"
    with visit(chromium, site, lang="en", size=LAPTOP, tab="memory") as page:
        page.goto(f"{site}/?tab={link}")
        expect(page.locator("#memory-bars")).to_contain_text("6.00 GiB", timeout=20_000)
        expect(page.locator("#memory-boxes")).to_contain_text("0.0999755859375")


def test_the_keyboard_types_a_number(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="memory") as page:
        page.locator("#memory-number input, #memory-number textarea").first.focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("70000")
        expect(page.locator("#memory-boxes")).to_contain_text("あふれました")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#memory-absmax') !== null")
