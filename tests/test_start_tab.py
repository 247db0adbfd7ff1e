"""Journeys through the Start tab, in Chromium, on the shipped model."""

import importlib.metadata
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backend import hub_cache, machine
from backend.catalog import MODELS
from backend.lab import Lab
from tests.browser import LAPTOP, PHONE, chromium, visit  # noqa: F401  # a fixture
from tests.test_generate_tab import serious

pytestmark = pytest.mark.browser
OPEN = ("start-cache", "start-login", "start-install", "start-notes", "start-exercises")


def unfold(page: Page) -> None:
    for name in OPEN:
        page.locator(f"#{name} .label-wrap").first.click()


@pytest.mark.parametrize(
    ("lang", "size", "dark"),
    [("en", LAPTOP, False), ("ja", LAPTOP, True), ("ja", PHONE, False), ("en", PHONE, True)],
)
def test_the_machine_its_files_the_cache_and_the_login(
    chromium: Browser,  # noqa: F811
    site: str,
    lab: Lab,
    lang: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    with visit(chromium, site, lang=lang, size=size, tab="start", dark=dark) as page:
        page.locator("#start-guess input").nth(1).check()
        library = machine.library_bytes("torch") / 2**20
        expect(page.locator("#start-reveal")).to_contain_text(f"{library:,.1f} MiB")
        page.locator("#start-look").click()
        table = page.locator("#start-machine")
        expect(table).to_contain_text(importlib.metadata.version("transformers"))
        expect(table).to_contain_text(str(machine.machine().cuda))
        folder = MODELS[lab.settings.model].path
        assert folder
        for path in folder.iterdir():
            row = f"{path.name}{path.stat().st_size:,}"
            expect(page.locator("#start-files table")).to_contain_text(row)
        unfold(page)
        page.locator("#start-look-cache").click()
        for shown in hub_cache.folders():
            expect(page.locator("#start-held")).to_contain_text(str(shown.path))
        page.locator("#start-prove").click()
        rows = page.locator("#start-moved tr")
        expect(rows).to_have_count(4)
        assert rows.nth(2).locator(".odd").count() == 1
        assert rows.nth(1).locator(".odd").count() == 0
        page.locator("#start-hf-home textarea").fill("/mnt/elsewhere")
        page.locator("#start-resolve").click()
        expect(page.locator("#start-resolved")).to_contain_text("/mnt/elsewhere/token")
        expect(page.locator("#start-install")).to_contain_text("wget -qO-")
        expect(page.locator("#start-code pre")).to_contain_text("get_token")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert not serious(page)


def test_both_exercises_are_checked(chromium: Browser, site: str, lab: Lab) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="start") as page:
        page.locator("#start-exercises .label-wrap").click()
        weights = lab.engine.model().info.weights_bytes
        for answer, verdict in ((weights // 2, "Not within"), (weights * 1.005, "Right")):
            page.locator("#start-exercise-1 input").fill(str(int(answer)))
            page.locator("#start-exercise-1 input").press("Tab")
            page.locator("#start-check-1").click()
            expect(page.locator("#start-exercise-1-result")).to_contain_text(verdict)
        for path, verdict in (
            ("/fast/hub/token", "Not there"),
            ("/mnt/class/models/token", "Right"),
        ):
            page.locator("#start-exercise-2 textarea").fill(path)
            page.locator("#start-check-2").click()
            expect(page.locator("#start-exercise-2-result")).to_contain_text(verdict)
        expect(page.locator("#start-exercises [data-progress]")).to_contain_text("2 done")


def test_the_link_restores_the_folder(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="en", size=LAPTOP, tab="start") as page:
        page.goto(f"{site}/?tab=start&hf_home=/a/b")
        page.locator("#start-login .label-wrap").first.click()
        expect(page.locator("#start-hf-home textarea")).to_have_value("/a/b")


def test_the_keyboard_reaches_the_answer(chromium: Browser, site: str) -> None:  # noqa: F811
    with visit(chromium, site, lang="ja", size=LAPTOP, tab="start") as page:
        page.locator("#start-look").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#start-machine")).to_contain_text("torch.cuda.is_available()")


def test_deleting_is_the_teachers(
    chromium: Browser,  # noqa: F811
    site: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from demo.identity import Identity

    repo = tmp_path / "models--lab--old"
    (repo / "blobs").mkdir(parents=True)
    (repo / "blobs" / "b").write_bytes(b"x" * 2048)
    (repo / "snapshots" / ("a" * 40)).mkdir(parents=True)
    (repo / "snapshots" / ("a" * 40) / "w").symlink_to(repo / "blobs" / "b")
    scan, delete = hub_cache.cached, hub_cache.delete
    monkeypatch.setattr(hub_cache, "cached", lambda: scan(tmp_path))
    monkeypatch.setattr(
        hub_cache, "delete", lambda name, *, in_use: delete(name, in_use=in_use, folder=tmp_path)
    )
    with visit(chromium, site, lang="en", size=LAPTOP, tab="start") as page:
        page.locator("#start-cache .label-wrap").first.click()
        page.locator("#start-look-cache").click()
        expect(page.locator("#start-held")).to_contain_text("model lab/old")
        page.locator("#start-choose input").click()
        page.get_by_role("option", name="lab/old").click()
        with monkeypatch.context() as learner:
            learner.setattr(Identity, "is_teacher", lambda *_: False)
            page.locator("#start-delete").click()
            expect(page.locator("#start-deleted")).to_contain_text("Only the teacher")
        assert repo.exists()
        page.locator("#start-delete").click()
        expect(page.locator("#start-deleted")).to_contain_text("2.0 KiB are free")
        assert not repo.exists()
