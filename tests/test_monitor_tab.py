"""The Monitor tab: live numbers, one's own place, several at once; its journeys in Chromium."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from backend.errors import LabError
from backend.lab import Lab
from backend.queueing import Limits, Line
from backend.settings import Settings
from backend.types import SamplingParams
from demo.live import Live
from demo.tabs.monitor import nearest
from demo.widgets.machine_now import mine_html, minute, steps_html
from demo.widgets.streams_panel import measured
from demo.words import words
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import serve
from tests.test_generate_tab import serious
from tests.test_scheduler import endless

STORY = "Tell me a story about a dragon."
WIDTH = "document.documentElement.scrollWidth <= window.innerWidth"
NONE = {"en": "nothing running and nothing waiting", "ja": "待っているものもありません"}
RUNNING = {"en": "Running: 2", "ja": "実行中：2"}
QUEUED = {"en": "Waiting for a place", "ja": "順番"}


@pytest.fixture(scope="module")
def narrow() -> Iterator[tuple[Lab, str]]:
    """A lab with room for two requests at a time, and its address."""
    lab = Lab(Settings(threads=1, max_streams=2), limits=Limits(running=9, waiting=9, rows=99))
    with serve(lab) as site:
        lab.engine.model()
        yield lab, site
    lab.close()


def test_a_persons_places_are_told_apart() -> None:
    line: Line[str] = Line(Limits(running=1), most=9)
    for n, (item, person) in enumerate((("a", "p"), ("b", "q"), ("c", "p"))):
        line.join(item, person=person, rows=1, now_s=float(n))
    line.begin("a", now_s=3.0)
    [waits, runs] = line.places("p")
    assert runs is None
    assert waits is not None
    assert waits.own
    assert len(line.places("q")) == 1
    assert line.places("nobody") == []


def test_a_look_is_shared_and_a_rate_is_of_the_last_seconds(lab: Lab) -> None:
    lab.engine.model()
    watch = Live(lab)
    first = watch.look(1000.0)
    assert first.tokens_per_s is None
    assert watch.look(1000.8) is first
    [made] = lab.generate(STORY, SamplingParams(max_new_tokens=20))
    second = watch.look(1002.0)
    assert second.tokens - first.tokens >= len(made.steps) == 20
    assert second.tokens_per_s == pytest.approx((second.tokens - first.tokens) / 2)
    assert second.first_token_s is not None
    assert watch.look(1100.0).tokens_per_s is None  # what lies between was not looked at


@pytest.mark.anyio
async def test_a_limit_of_one_token_leaves_no_step_to_measure() -> None:
    lab = Lab(Settings(threads=1, max_new_tokens=1))
    try:
        lab.engine.model()
        with pytest.raises(LabError, match="max_new_tokens"):
            _ = [one async for one in measured(lab, 1, words("en"), person="p")]
    finally:
        lab.close()


def test_drawings_say_their_numbers() -> None:
    said = words("en")
    html = steps_html([1, 1, 0, 2] + [0] * 28, said)
    assert "4 steps" in html
    assert html.count("%</span>") == 6  # 1, 2, 3-4, 5-8, 9-16, 17-32
    assert "50%" in html
    assert said("badge.measured") in html
    assert "– steps" in steps_html((), said)
    assert "now" in minute((1.0, 20.0), said)
    assert 'points=""' in minute((), said)
    assert NONE["ja"] in mine_html([], words("ja"))
    assert [nearest(r) for r in (0.9, 1.3, 1.9, 3.9, 4.1, 9)] == [
        *("same", "same", "some", "some", "eight", "eight"),
    ]


def test_the_route_speaks_both_languages_and_knows_no_other(site: str) -> None:
    for lang in ("en", "ja"):
        pieces = httpx.get(f"{site}/monitor/{lang}").json()
        assert pieces.keys() == {"now", "memory", "steps", "mine"}
        assert words(lang)("monitor.of_weights") in pieces["memory"]
        assert "pocket-chat" in pieces["memory"]
    assert httpx.get(f"{site}/monitor/xx").status_code == 404


@pytest.mark.browser
@pytest.mark.parametrize(
    ("lang", "size", "dark"),
    [("en", LAPTOP, False), ("ja", PHONE, True)],
)
def test_who_waits_sees_where(
    chromium: Browser,  # noqa: F811
    narrow: tuple[Lab, str],
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    lab, site = narrow
    with visit(chromium, site, lang=lang, size=size, tab="monitor", dark=dark) as page:
        mine = page.locator("#monitor-mine [data-live]")
        expect(mine).to_contain_text(NONE[lang])
        running = [endless(lab) for _ in range(2)]
        expect(mine).to_contain_text(RUNNING[lang])
        facts = page.locator("#monitor-now .facts .running dd")
        expect(facts).to_have_text("2")
        page.locator("#monitor-go").click()
        expect(page.locator("#monitor-now .facts .waiting dd")).to_contain_text("1 /")
        expect(mine.locator("p")).to_have_count(2)
        for one in running:
            one.close()  # type: ignore[attr-defined]
        table = page.locator("#monitor-runs table")
        expect(table.locator("tr")).to_have_count(2, timeout=30_000)
        expect(mine).to_contain_text(NONE[lang])
        expect(page.locator("#monitor-memory .memtrack")).to_have_count(1)
        expect(page.locator("#monitor-memory table")).to_have_count(2)
        page.locator("#monitor-inside .label-wrap").first.press("Enter")
        expect(page.locator("#monitor-steps .bar").first).to_be_visible()
        assert page.evaluate(WIDTH)
        assert not serious(page)


@pytest.mark.browser
def test_predict_measure_and_exercises(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="monitor") as page:
        page.locator("#monitor-guess input").nth(1).check()
        expect(page.locator("#monitor-reveal")).to_contain_text("times as long", timeout=30_000)
        table = page.locator("#monitor-runs table")
        expect(table.locator("tr")).to_have_count(3)
        page.locator("#monitor-exercises .label-wrap").first.press("Enter")
        for n in (2, 4, 16):
            page.locator(f"#monitor-rows input[value='{n}']").check()
            page.locator("#monitor-go").click()
            expect(table.get_by_role("rowheader", name=str(n), exact=True)).to_be_visible(
                timeout=30_000
            )
        gains = [float(cell) for cell in table.locator("td:last-child").all_inner_texts()]
        reach = [n for n, gain in zip((1, 2, 4, 8, 16), gains) if gain >= 3.05]
        told = page.locator("#monitor-exercise-1-result")
        page.locator("#monitor-least input").fill("1")
        page.locator("#monitor-check-1").click()
        expect(told).to_contain_text("1 at once gave 1.0 times one")
        if reach and not any(2.95 <= gain < 3.05 for gain in gains):
            page.locator("#monitor-least input").fill(str(min(reach)))
            page.locator("#monitor-check-1").click()
            expect(told).to_contain_text("Right")
        for answer, verdict in (("6", "Yours begins"), ("7.5", "Right")):
            page.locator("#monitor-wait input").fill(answer)
            page.locator("#monitor-check-2").click()
            expect(page.locator("#monitor-exercise-2-result")).to_contain_text(verdict)


def asked_ms(page: Page) -> float:
    """Wait until the page asks again, and return when it did."""
    request = page.wait_for_event("requestfinished", lambda request: "/monitor/" in request.url)
    return request.timing["startTime"]


@pytest.mark.browser
def test_nothing_is_asked_for_while_nobody_looks(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="monitor") as page:
        _, first, _, third = (asked_ms(page) for _ in range(4))  # one is of the tab's opening
        assert third - first > 1400  # every 1.5 s, and a busy page's first one may come late
        page.locator("#tab-start-button").click()
        page.locator("#tab-start .title h2").wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(3500)
        assert not any("/monitor/" in url for url in asked)
