"""Each spelling is shown where today's occurs, and no snippet of ours uses the course's."""

import re

import pytest

from demo.widgets.code_pane import SNIPPETS, code_html
from demo.widgets.then_now import THEN_NOW, found_in, then_now_html
from demo.words import LANGS, Words

CODE = """pipe = pipeline("text-generation", model=MODEL, dtype="float32")
output = pipe(PROMPT, max_new_tokens=9, temperature=10.0)"""


def test_the_rows_that_concern_the_code() -> None:
    assert [row.now for row in found_in(CODE)] == [
        'dtype="float16"',
        "max_new_tokens=100",
        "temperature=10.0",
    ]
    assert [row.then for row in found_in("output = pipe(messages, max_length=3)")] == [
        "pipe(tokenizer.apply_chat_template(messages, tokenize=False))"
    ]
    assert found_in("print(1)") == []


def test_the_pattern_finds_todays_spelling_and_not_the_courses() -> None:
    for row in THEN_NOW:
        assert re.search(row.pattern, row.now, re.I), row
        assert not re.search(row.pattern, row.then, re.I), row


@pytest.mark.parametrize("lang", LANGS)
def test_the_pane_has_it_folded_after_the_code(lang: str) -> None:
    words = Words(lang)  # type: ignore[arg-type]
    html = code_html("x", CODE, words)
    assert html.index("</pre>") < html.index("<details")
    assert "torch_dtype" in html
    assert then_now_html("print(1)", words) == ""


def test_no_snippet_uses_an_old_spelling() -> None:
    for path in SNIPPETS.glob("*.py"):
        code = path.read_text("utf-8")
        for old in ("torch_dtype", "huggingface-cli", "num_beam=", "duckduckgo_search"):
            assert old not in code, path.name
