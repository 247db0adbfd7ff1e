"""A real Chromium for the journeys: LAB_CHROMIUM, /usr/bin/chromium, or playwright's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

PATIENCE = 30_000  # ms; others may keep the machine busy
# ms after each press, as a person would: for some 10 ms after a fold opens, Gradio puts back the
# values that it opened with, and what a test put in by then is lost
PACE = 30
expect.set_options(timeout=PATIENCE)
LAPTOP, PHONE = (1440, 900), (390, 844)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's tests."""
    path = os.environ.get("LAB_CHROMIUM") or "/usr/bin/chromium"
    options: dict[str, Any] = {"executable_path": path} if Path(path).exists() else {}
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(args=ARGUMENTS, slow_mo=PACE, **options)
        except Error as error:
            pytest.skip(f"Chromium cannot be started: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@contextmanager
def visit(
    browser: Browser, site: str, *, lang: str, size: tuple[int, int], tab: str, dark: bool = False
) -> Iterator[Page]:
    """Open a tab as a reader of `lang`; at the end: no request left, no script failed."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale={"ja": "ja-JP", "en": "en-US"}[lang],
        color_scheme="dark" if dark else "light",
        has_touch=size == PHONE,
    )
    context.set_default_timeout(2 * PATIENCE)
    page, left, failed = context.new_page(), list[str](), list[str]()

    def asked(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(site).netloc:
            left.append(url)

    page.on("request", lambda request: asked(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(f"{site}/?tab={tab}")
    page.locator(f"#tab-{tab} .title h2").wait_for()
    yield page
    assert not left, "requests left the machine"
    assert not failed
    context.close()
