"""The Search tab's code gives what the tab shows, and the search goes on without a network."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.lab import Lab
from backend.types import SamplingParams
from demo.rag import Asked, asking
from demo.tabs.search import snippet_values
from demo.widgets.code_pane import SNIPPETS, fill
from tests.test_snippets import ROOT, run

pytestmark = pytest.mark.slow
DRAWN = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=40)


@pytest.mark.parametrize(
    "question", ["What is the capital of Donath?", "ヌコルヌの首都はどこですか？"]
)
def test_the_code_gives_the_tabs_answer(lab: Lab, tmp_path: Path, question: str) -> None:
    async def last() -> Asked:
        return [asked async for asked in asking(lab, question, "offline", DRAWN)][-1]

    asked = asyncio.run(last())
    script = tmp_path / "rag.py"
    script.write_text(fill("rag", snippet_values(asked)), "utf-8")
    out = run(script)
    assert asked.packed.message in out
    assert out.strip().endswith(f"-> {asked.text}")


def test_the_search_says_offline_and_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, str(SNIPPETS / "search.py")],
        cwd=ROOT,
        env={**os.environ, "LAB_SEARCH": "offline"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith("offline")
    assert "[1] The capital of Donath is" in done.stdout
    assert done.stdout.count("-> ") == 2
