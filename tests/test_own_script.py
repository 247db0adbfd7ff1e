"""The page's panes "From your own script": what they show runs against the lab they name."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from backend.lab import Lab
from backend.types import SamplingParams
from demo.widgets.code_pane import fill
from demo.widgets.own_script import CLIENTS, PROMPT, curl, panes
from demo.words import LANGS, words
from tests.browser import LAPTOP, chromium, visit  # noqa: F401  # a fixture
from tests.test_snippets import ROOT, run


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIENTS)
def test_a_script_prints_the_labs_text(site: str, lab: Lab, tmp_path: Path, name: str) -> None:
    script = tmp_path / f"{name}.py"
    script.write_text(fill(name, {"URL": site, "KEY": "none"}), "utf-8")
    if name == "lab_openai":
        params = SamplingParams(do_sample=True, seed=7, max_new_tokens=128)
        [want] = lab.generate([{"role": "user", "content": PROMPT}], params)
    else:
        params = SamplingParams(
            do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=128
        )
        [want] = lab.generate(PROMPT, params)
    out = run(script)
    assert want.text.removeprefix(" ") in out
    assert "no lab answers" not in out


def test_curl_asks_the_lab(site: str, lab: Lab) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    done = subprocess.run(
        ["bash", "-c", curl(site, "none")], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    params = SamplingParams(do_sample=True, seed=7, max_new_tokens=128)
    [want] = lab.generate([{"role": "user", "content": PROMPT}], params)
    said = json.loads(done.stdout)["choices"][0]["message"]["content"]
    assert said == want.text.removeprefix(" ")


@pytest.mark.parametrize("lang", LANGS)
def test_what_a_host_header_says_enters_as_text(lang: str) -> None:
    evil = "http://x'\"<script>$(touch /tmp/evil)"
    html = panes(evil, "k'ey", words(lang))  # type: ignore[arg-type]
    assert "<script>" not in html
    shell = f'set -- {curl(evil, "k").removeprefix("curl ")}\nprintf %s "$1"'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout == f"{evil}/v1/chat/completions"


@pytest.mark.browser
@pytest.mark.parametrize(("lang", "tab"), [("en", "chat"), ("ja", "generate")])
def test_the_fold_shows_the_address_the_reader_is_at(
    chromium: Browser,  # noqa: F811
    site: str,
    lang: str,
    tab: str,
) -> None:
    with visit(chromium, site, lang=lang, size=LAPTOP, tab=tab) as page:
        page.locator(f"#{tab}-script button").first.click()
        code = page.locator(f"#{tab}-script-code")
        expect(code).to_contain_text(f"URL = '{site}'", timeout=10_000)
        expect(code.locator("pre")).to_have_count(3)
        expect(code.locator("[data-code=py]")).to_have_count(2)
