"""Every snippet runs as it stands and prints what the tab shows."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.lab import Lab
from backend.types import SamplingParams
from demo.widgets.code_pane import SNIPPETS, fill, sampling_values

EVERY = sorted(path for path in SNIPPETS.glob("*.py") if path.stem != "__init__")
ROOT = SNIPPETS.parent.parent
PROMPT = "Tell me a story about a dragon."
DRAWN = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=60)


def run(code: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def printed(request: pytest.FixtureRequest) -> Iterator[dict[Path, Future[str]]]:
    """What the snippets that are asked for print, two at a time: each loads its libraries anew."""
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    paths = [call.params["path"] for call in asked if call and "path" in call.params]
    with ThreadPoolExecutor(2) as pool:
        yield {path: pool.submit(run, path) for path in paths if path in EVERY}


@pytest.mark.slow
@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_each_runs_and_prints(path: Path, printed: dict[Path, Future[str]]) -> None:
    assert printed[path].result().strip()


@pytest.mark.slow
def test_the_pipeline_prints_the_tabs_text(lab: Lab, tmp_path: Path) -> None:
    script = tmp_path / "generate.py"
    script.write_text(fill("generate", {"PROMPT": PROMPT, **sampling_values(DRAWN)}), "utf-8")
    assert run(script).strip() == (PROMPT + lab.generate(PROMPT, DRAWN)[0].text).strip()


@pytest.mark.slow
def test_a_branch_is_reproduced(lab: Lab, tmp_path: Path) -> None:
    [whole] = lab.generate(PROMPT, DRAWN)
    prefix = tuple(step.token_id for step in whole.steps[:6])
    params = SamplingParams(do_sample=True, top_p=0.9, seed=3, max_new_tokens=30)
    values = {"PROMPT": PROMPT, "PREFIX_IDS": list(prefix), **sampling_values(params)}
    script = tmp_path / "taken_apart.py"
    script.write_text(fill("taken_apart", values), "utf-8")
    [branch] = lab.generate(PROMPT, params, prefix_ids=prefix)
    assert branch.text.strip() in run(script)


@pytest.mark.slow
def test_the_chat_prints_the_tabs_reply(lab: Lab, tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Tell me a story about a cat."},
    ]
    script = tmp_path / "chat.py"
    script.write_text(fill("chat", {"MESSAGES": messages, **sampling_values(DRAWN)}), "utf-8")
    out = run(script)
    assert lab.render(messages).text in out
    assert out.strip().endswith(lab.generate(messages, DRAWN)[0].text.strip())


def test_values_enter_as_literals() -> None:
    evil = '"""\nimport os\n\\g<0>\''
    code = fill("generate", {"PROMPT": evil})
    names: dict[str, object] = {}
    line = next(line for line in code.splitlines() if line.startswith("PROMPT = "))
    exec(line, names)
    assert names["PROMPT"] == evil
