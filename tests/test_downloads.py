"""Downloads as the teacher sees them: the acts behind the buttons, and the panel in Chromium."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from playwright.sync_api import Browser, expect

from backend import hub, hub_cache
from backend.device import Room
from backend.downloads import Downloads, DownloadState
from backend.errors import LabError
from backend.lab import Lab
from backend.settings import Settings
from demo.downloading import named
from demo.widgets.downloads import asked, downloads_card
from demo.words import words
from tests.browser import LAPTOP, PHONE, chromium  # noqa: F401  # a fixture
from tests.conftest import serve
from tests.hub_server import Hub
from tests.test_app import Idle
from tests.test_generate_tab import serious
from tests.test_hub import POCKET, files, large, served  # noqa: F401  # fixtures
from tests.test_teacher_page import SOON, teaching

pytestmark = pytest.mark.slow


def until(downloads: Downloads, *phases: str) -> DownloadState:
    """Wait for the first model's phase."""
    end = time.monotonic() + 60
    while (state := downloads.states()[0]).phase not in phases:
        assert time.monotonic() < end, state
        time.sleep(0.01)
    return state


def test_look_start_stop_and_go_on(served: Hub) -> None:  # noqa: F811
    downloads = Downloads(Settings())
    downloads.look(POCKET)
    found = until(downloads, "found").found
    assert found
    assert not any(path.endswith(".safetensors") for _, path, _ in served.asked)
    first = next(file.name for file in found.files if file.sha256)
    served.faults[first] = ("slow", 1)
    downloads.start(POCKET)
    downloads.start(POCKET)
    while (state := downloads.states()[0]).done_bytes < 500_000:
        time.sleep(0.01)
    assert state.phase == "downloading"
    assert downloads.under_way == [POCKET]
    assert state.rate > 0
    assert state.remaining_s
    downloads.forget(POCKET)
    assert downloads.states(), "what is being downloaded stays in sight"
    downloads.stop(POCKET)
    stopped = until(downloads, "stopped")
    assert 0 < stopped.done_bytes < found.bytes
    [held] = hub_cache.cached(Path(constants.HF_HUB_CACHE))
    assert held.bytes >= stopped.done_bytes, "the cache's list shows what it takes"
    assert hub.missing_bytes(found) <= found.bytes - stopped.done_bytes
    downloads.start(POCKET)
    until(downloads, "done")
    assert hub.folder(POCKET)
    assert downloads.under_way == []
    downloads.forget(POCKET)
    assert downloads.states() == []


def test_who_waits_for_a_stopped_download_is_told(
    served: Hub,  # noqa: F811
    files: dict[str, bytes],  # noqa: F811
) -> None:
    for name in large(files):
        served.faults[name] = ("slow", 1)
    downloads, told = Downloads(Settings()), list[str]()

    def wait() -> None:
        try:
            downloads.get(POCKET)
        except LabError as error:
            told.append(error.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not downloads.states() or downloads.states()[0].phase != "downloading":
        time.sleep(0.01)
    downloads.stop(POCKET)
    waiting.join(60)
    assert told == ["download_stopped"]


def test_a_stall_can_be_stopped(
    served: Hub,  # noqa: F811
    files: dict[str, bytes],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.05)
    found, name = hub.look(POCKET), large(files)[0]
    part = hub._part(found, next(file for file in found.files if file.name == name))
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(files[name][:-1000])
    served.faults[name] = ("stall", 100)  # so near the end, nothing comes at all

    def asked() -> int:
        return sum(verb == "GET" and path.endswith(name) for verb, path, _ in served.asked)

    class Impatient(hub.Unwatched):
        def at(self, n_bytes: int, *, elsewhere: bool = False) -> None:
            if asked() > 1:
                raise hub.Stopped

    with pytest.raises(hub.Stopped):
        hub.download(found, Impatient())
    assert asked() == 2


def test_what_cannot_fit_is_not_fetched(
    served: Hub,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny = Room(name="a small card", bytes=1_000_000, cards=(1_000_000,), fault=None)
    monkeypatch.setattr("backend.downloads.room", lambda settings: tiny)
    downloads = Downloads(Settings())
    downloads.start(POCKET)
    error = until(downloads, "failed").error
    assert error
    assert error.code == "model_too_big"
    assert not any(path.endswith(".safetensors") for _, path, _ in served.asked)


def test_a_model_named_to_be_loaded_is_fetched_first(served: Hub) -> None:  # noqa: F811
    lab = Lab(Settings(model=POCKET, threads=1))
    assert lab.generate("Once")[0].steps
    assert [state.phase for state in lab.downloads.states()] == ["done"]
    lab.close()


def test_only_what_may_be_loaded_is_looked_up(tmp_path: Path) -> None:
    lab = Idle(Settings(host="0.0.0.0", allowed_models=("lab/allowed",)))
    assert named(lab, "lab/allowed") == "lab/allowed"
    for name, expected in (
        ("lab/other", "model_not_allowed"),
        ("pocket-chat", "hub_here"),
        (str(tmp_path), "model_path"),
        ("", "model_unknown"),
    ):
        with pytest.raises(LabError) as caught:
            named(lab, name)
        assert caught.value.code == expected


def test_what_may_be_loaded_is_said_where_not_all_may(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    shared = downloads_card(
        Idle(Settings(host="0.0.0.0", allowed_models=("lab/allowed",))), words("en")
    )
    [said] = re.findall(r'<p id="hub-only">([^<]*)</p>', shared)
    assert ", lab/allowed. For others" in said
    assert "LAB_ALLOWED_MODELS" in said
    assert 'id="hub-model"' not in shared, "a list with nothing to choose"
    own = downloads_card(Idle(Settings()), words("en"))
    assert "hub-only" not in own
    assert 'id="hub-model"' in own


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_names_and_reasons_are_escaped(lang: str) -> None:
    evil = "<b>x</b>"
    error = LabError("hub_failed", "no", model=evil, reason=evil)
    for phase in ("looking", "stopped", "failed", "done"):
        state = DownloadState(
            model=evil,
            phase=phase,  # type: ignore[arg-type]
            found=None,
            done_bytes=0,
            rate=0.0,
            silent_s=0.0,
            elsewhere=False,
            error=error if phase == "failed" else None,
        )
        assert evil not in asked(state, None, words(lang))  # type: ignore[arg-type]


def test_the_catalogue_marks_what_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    eight = Room(name="a card", bytes=8 * 2**30, cards=(8 * 2**30,), fault=None)
    monkeypatch.setattr("demo.widgets.downloads.room_of", lambda lab: eight)
    html = downloads_card(Idle(Settings()), words("en"))
    row = re.search(r"<th[^>]*>meta-llama/Llama-2-7b-chat-hf</th>.*?</tr>", html)
    assert row
    cells = re.findall(r"<td[^>]*>([^<]*(?:fits|too big))</td>", row[0])
    assert [cell.endswith("fits") for cell in cells] == [
        False,
        False,
        False,
        True,
        True,
        True,
        True,
    ]


@pytest.fixture
def room(served: Hub) -> Iterator[str]:  # noqa: F811
    lab = Lab(Settings(threads=1))
    with serve(lab) as site:
        lab.engine.model()
        yield site
    lab.close()


@pytest.mark.browser
@pytest.mark.parametrize(("lang", "size", "dark"), [("en", LAPTOP, False), ("ja", PHONE, True)])
def test_a_model_is_looked_up_downloaded_stopped_gone_on_with_and_loaded(
    chromium: Browser,  # noqa: F811
    served: Hub,  # noqa: F811
    files: dict[str, bytes],  # noqa: F811
    room: str,
    monkeypatch: pytest.MonkeyPatch,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 120)  # the stall lasts for the look
    said = words(lang)  # type: ignore[arg-type]
    with teaching(chromium, room, lang, size, dark) as page:
        page.locator("#hub-typed").fill("lab/none")
        page.locator("#hub-look").click()
        expect(page.locator("#hub-lab-none .bad")).to_contain_text("lab/none", timeout=SOON)
        page.locator("#hub-typed").fill(POCKET)
        page.keyboard.press("Enter")
        model = page.locator("#hub-lab-pocket")
        expect(model).to_contain_text(said("hub.found"), timeout=SOON)
        expect(model.locator("table td").first).to_contain_text(said("hub.fits"))
        assert not any(path.endswith(".safetensors") for _, path, _ in served.asked)
        name = large(files)[0]
        served.faults[name] = ("stall", 1)
        model.get_by_role("button", name=said("hub.start"), exact=True).click()
        expect(model.locator("progress")).to_have_count(1, timeout=SOON)
        expect(model).to_contain_text(said("hub.downloading"), timeout=SOON)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)
        model.get_by_role("button", name=said("hub.stop"), exact=True).click()
        expect(model).to_contain_text(said("hub.stopping"), timeout=SOON)
        served.over.set()
        expect(model).to_contain_text(said("hub.stopped"), timeout=SOON)
        model.get_by_role("button", name=said("hub.go_on"), exact=True).click()
        expect(model).to_contain_text(said("hub.done"), timeout=SOON)
        model.get_by_role("button", name=said("hub.load", precision="bf16"), exact=True).click()
        listed = page.locator("#model-list")
        expect(listed).to_contain_text(f"{POCKET} · bf16", timeout=SOON)
        page.locator("#hub-known summary").click()
        expect(page.locator("#hub-catalogue")).to_contain_text("llm-jp/llm-jp-3-1.8b")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)
