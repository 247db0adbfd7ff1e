"""The code that does what is on screen: a snippet file with the current settings filled in."""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from backend.catalog import MODELS, ROOT
from backend.types import SamplingParams
from demo.widgets.then_now import then_now_html
from demo.words import Words

SNIPPETS = Path(__file__).resolve().parent.parent / "snippets"
FILLED = re.compile(r"^([A-Z_]+ = )(.*[^{[(\n])$", re.M)  # what the page fills in, on one line


def fill(name: str, values: Mapping[str, object]) -> str:
    """Return a snippet with its constants set; values enter as Python literals, never as code."""
    code = (SNIPPETS / f"{name}.py").read_text("utf-8")
    for constant, value in values.items():
        line = f"{constant} = {literal(value)}"
        pattern = rf"^{constant} = (?:[\[{{(]\n(?:.*\n)*?[\]}})]|.*)$"  # on one line or several
        code, n = re.subn(pattern, line.replace("\\", r"\\"), code, flags=re.M)
        assert n == 1, f"{name}.py has {n} lines {constant} = ..."
    return code


def literal(value: object) -> str:
    """Write a value as Python, a long list or table one entry a line."""
    text = repr(value)
    if len(text) < 60 or not isinstance(value, (dict, list)):
        return text
    if isinstance(value, dict):
        return "{\n" + "".join(f"    {k!r}: {v!r},\n" for k, v in value.items()) + "}"
    if value and isinstance(value[0], int):
        return text
    return "[\n" + "".join(f"    {v!r},\n" for v in value) + "]"


def sampling_values(params: SamplingParams) -> dict[str, object]:
    """Return the constants that say how tokens are chosen, every field explicitly."""
    sampling: dict[str, object] = {"do_sample": params.do_sample}
    if params.do_sample:
        sampling |= {
            "temperature": params.temperature,
            "top_k": params.top_k,
            "top_p": params.top_p,
            "epsilon_cutoff": params.epsilon_cutoff,
        }
    return {"SAMPLING": sampling, "MAX_NEW_TOKENS": params.max_new_tokens, "SEED": params.seed}


def model_value(model: str) -> str:
    """Return what `from_pretrained` takes from the repository's root."""
    entry = MODELS.get(model)
    return str(entry.path.relative_to(ROOT)) if entry and entry.path else model


def code_html(
    name: str, code: str, words: Words, *, title: str = "code.title", python: bool = True
) -> str:
    """Draw the pane; assets/lab.js copies it, and saves what is Python."""
    shown = FILLED.sub(r"\1<mark>\2</mark>", escape(code))
    copy, done = escape(words("code.copy")), escape(words("code.copied"))
    save = (
        '<button type="button" class="tool" data-code="py">.py</button>'
        '<button type="button" class="tool" data-code="ipynb">.ipynb</button>'
    )
    return (
        f'<div class="code" data-name="{name}"><div class="h"><h3>{escape(words(title))}'
        f'</h3><span class="src">{escape(words("code.note")) if title == "code.title" else ""}'
        f'</span></div><pre tabindex="0">{shown}</pre><div class="row">'
        f'<button type="button" class="tool" data-code="copy" data-label="{copy}"'
        f' data-done="{done}">{copy}</button>{save if python else ""}</div>'
        f"{then_now_html(code, words)}</div>"
    )
