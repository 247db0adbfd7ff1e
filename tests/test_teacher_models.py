"""The teacher loads, unloads, limits and begins the next class, beside a learner's page."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from backend import device_memory, residents
from backend.device_memory import DeviceMemory
from backend.errors import LabError
from backend.lab import Lab
from backend.limits import current
from backend.models import LoadedModel
from backend.settings import Settings
from backend.types import SamplingParams
from demo.app import create_app
from demo.words import words
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import serve
from tests.test_app import Idle
from tests.test_generate_tab import serious
from tests.test_scheduler import LONG, PROMPT, until
from tests.test_teacher_page import SOON, teaching

pytestmark = pytest.mark.slow

LIMITS = {
    "running": "3",
    "waiting": "4",
    "rows": "8",
    "max_new_tokens": "700",
    "max_streams": "40",
}


@pytest.fixture
def client(request: pytest.FixtureRequest) -> tuple[Lab, TestClient]:
    lab = Idle(getattr(request, "param", Settings()))
    app = create_app(lab)
    return lab, TestClient(app, base_url="http://127.0.0.1", follow_redirects=True)


@pytest.mark.parametrize("client", [Settings(host="0.0.0.0", no_auth=True)], indirect=True)
@pytest.mark.parametrize("act", ["load", "unload", "limits", "reset"])
def test_a_learner_may_do_none_of_it(client: tuple[Lab, TestClient], act: str) -> None:
    lab, browser = client
    lab.classroom.set_open("chat", False)
    before = current(lab)
    form = {"model": "pocket-base", "sure": "1", **LIMITS}
    answer = browser.post(f"/teacher/{act}?lang=en", data=form)
    assert answer.status_code == 403
    assert current(lab) == before
    assert lab.classroom.closed == ("chat",)
    assert lab.status().state == "idle"


def test_limits_hold_from_now_on(client: tuple[Lab, TestClient]) -> None:
    lab, browser = client
    page = browser.post("/teacher/limits?lang=en", data=LIMITS)
    assert words("en")("teacher.said_limited") in page.text
    assert current(lab) == {name: int(value) for name, value in LIMITS.items()}
    assert 'name="max_new_tokens" id="limit-max_new_tokens"' in page.text
    with pytest.raises(LabError) as raised:
        lab.generate(PROMPT, SamplingParams(max_new_tokens=701))
    assert raised.value.code == "too_many_new_tokens"
    rows = SamplingParams(do_sample=True, num_return_sequences=9)
    with pytest.raises(LabError) as raised:
        lab.generate(PROMPT, rows, person="p")
    assert raised.value.values["allowed"] == "1 to 8"


@pytest.mark.parametrize(
    "wrong", ["0", "-1", "1.5", "９", "", "99999999999999999999", "many", "0" * 11 + "99999"]
)
def test_a_wrong_limit_changes_none(client: tuple[Lab, TestClient], wrong: str) -> None:
    lab, browser = client
    before = current(lab)
    page = browser.post("/teacher/limits?lang=ja", data={**LIMITS, "rows": wrong})
    assert page.status_code == 400
    assert words("ja")("fields.rows") in page.text
    assert current(lab) == before


def test_an_act_that_waits_holds_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, entered, go = Idle(Settings()), threading.Event(), threading.Event()

    def waits(name: str) -> None:  # as for a load under way
        entered.set()
        go.wait(60)

    monkeypatch.setattr(lab.engine, "unload", waits)
    with serve(lab) as site:
        unload = f"{site}/teacher/unload?lang=en"
        teacher = threading.Thread(target=httpx.post, args=(unload,), kwargs={"timeout": 60})
        teacher.start()
        assert entered.wait(20)
        try:
            assert httpx.get(f"{site}/livez", timeout=20).status_code == 200
        finally:
            go.set()
            teacher.join(20)


def test_the_next_class_is_asked_for_twice(client: tuple[Lab, TestClient]) -> None:
    lab, browser = client
    lab.classroom.set_open("chat", False)
    lab.classroom.vote("diversity", 1, "somebody")
    lab.classroom.suggest("memory", "", host="")
    lab.saw_person("somebody")
    refused = browser.post("/teacher/reset?lang=en", data={})
    assert refused.status_code == 400
    assert words("en")("errors.reset_unsure") in refused.text
    assert lab.classroom.closed
    browser.post("/teacher/reset?lang=en", data={"sure": "1"})
    assert not lab.classroom.closed
    assert not lab.classroom.link
    assert lab.classroom.counts("diversity", 4) == [0, 0, 0, 0]
    assert lab.metrics.people() <= 1  # the teacher's own browser, which has come back


@pytest.fixture(scope="module")
def room() -> Iterator[tuple[Lab, str]]:
    lab = Lab(Settings(threads=1))
    with serve(lab) as site:
        lab.engine.model()
        yield lab, site
    lab.close()


def test_the_limit_of_rows_holds_on_the_model_thread(room: tuple[Lab, str]) -> None:
    lab, _ = room
    before = lab.settings.max_streams
    three = SamplingParams(do_sample=True, num_return_sequences=3, max_new_tokens=2, seed=1)
    lab.engine.set_limits(lab.limits, 40)
    lab.generate(PROMPT, three)
    assert len(lab.status().batch_sizes) == 40
    lab.engine.set_limits(lab.limits, before)


def test_what_runs_is_told_of_the_next_class(room: tuple[Lab, str]) -> None:
    from backend import next_class

    lab, _ = room
    steps = lab.stream(PROMPT, LONG)
    next(steps)
    next_class.begin(lab)
    with pytest.raises(LabError) as raised:
        list(steps)
    assert raised.value.code == "class_reset"
    assert until(lambda: not lab.status().active_streams)
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=2))


@pytest.mark.browser
@pytest.mark.parametrize(
    ("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, False), ("ja", LAPTOP, True)]
)
def test_a_switch_is_announced_and_what_does_not_fit_is_asked_about(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
    monkeypatch: pytest.MonkeyPatch,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    lab, site = room
    said = words(lang)  # type: ignore[arg-type]
    if lab.status().current != "pocket-chat":
        lab.load_model("pocket-chat", "fp32")
    lab.engine.unload("pocket-base")
    full = DeviceMemory(device="cpu", total_bytes=2**30, used_bytes=2**30 - 1000, ours_bytes=2**29)
    go, whole = threading.Event(), residents.load

    def slow(*args: Any, **options: Any) -> LoadedModel:
        loaded = whole(*args, **options)
        go.wait(60)
        return loaded

    monkeypatch.setattr(residents, "load", slow)
    running = lab.stream(PROMPT, LONG)
    next(running)
    with (
        visit(chromium, site, lang=lang, size=size, tab="start", dark=dark) as learner,
        teaching(chromium, site, lang, size, dark) as teacher,
    ):
        told = learner.locator("[data-class-model]")
        expect(learner.locator("[data-model]")).to_contain_text("pocket-chat", timeout=SOON)
        with monkeypatch.context() as patched:
            patched.setattr(device_memory, "look", lambda device: full)
            teacher.locator("#load-model").fill("pocket-base")
            teacher.locator("#load-precision").select_option("fp32")
            teacher.locator("#load-send").click()
            alert = teacher.locator("#load-state [role=alert]")
            expect(alert).to_contain_text("0.01 GiB", timeout=SOON)
            assert not serious(teacher)
            teacher.locator("#load-anyway").focus()
            teacher.keyboard.press("Enter")
            expect(teacher.locator("#load-state [role=status]")).to_contain_text(
                "pocket-base", timeout=SOON
            )
            switching = said("follow.switching", model="pocket-base (fp32)")
            expect(told).to_have_text(switching, timeout=SOON)
            assert not serious(learner)
        teacher.locator("#load-send").click()
        expect(teacher.locator("#said")).to_contain_text("pocket-base", timeout=SOON)
        go.set()
        expect(told).to_have_text(said("follow.switched", model="pocket-base (fp32)"), timeout=SOON)
        expect(learner.locator("[data-model]")).to_contain_text("pocket-base", timeout=SOON)
        listed = teacher.locator("#model-list li")
        expect(listed).to_have_count(2, timeout=SOON)
        expect(listed.first).to_contain_text(said("teacher.busy", n=1))
        expect(teacher.locator("#ledger-now .held")).to_have_count(1)
        running.close()
        expect(listed.first).to_contain_text(said("teacher.idle", minutes=0), timeout=SOON)
        teacher.locator("#unload-pocket-chat").focus()
        teacher.keyboard.press("Enter")
        expect(listed).to_have_count(1, timeout=SOON)
        expect(teacher.locator("#said")).to_have_text(said("teacher.said_unloaded"))
        for page in (learner, teacher):
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(teacher)


@pytest.mark.browser
@pytest.mark.parametrize(("lang", "size"), [("ja", PHONE), ("en", LAPTOP)])
def test_limits_and_the_next_class_by_hand(
    chromium: Browser,  # noqa: F811
    lang: str,
    size: tuple[int, int],
) -> None:
    lab, said = Idle(Settings()), words(lang)  # type: ignore[arg-type]
    with serve(lab) as site, teaching(chromium, site, lang, size) as teacher:
        lab.classroom.set_open("chat", False)
        teacher.locator("#limit-max_new_tokens").fill("64")
        teacher.locator("#limit-rows").press("Enter")
        expect(teacher.locator("#said")).to_have_text(said("teacher.said_limited"), timeout=SOON)
        assert lab.settings.max_new_tokens == 64
        teacher.locator("#reset-send").click()  # the browser itself asks for the tick
        teacher.locator("#reset-sure").check()
        assert lab.classroom.closed
        teacher.locator("#reset-send").click()
        expect(teacher.locator("#said")).to_have_text(said("teacher.said_reset"), timeout=SOON)
        assert not lab.classroom.closed
        assert not teacher.locator("#reset-sure").is_checked()
        assert teacher.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(teacher)
