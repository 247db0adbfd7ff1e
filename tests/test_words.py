"""Both languages say everything, and every error has a text."""

import re
from pathlib import Path

import pytest

from backend.errors import LabError
from backend.types import SamplingParams
from demo.app import TABS
from demo.words import HERE, LANGS, Words, choose_lang, words

ROOT = HERE.parent


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    en, ja = words("en")._texts, words("ja")._texts
    backends = ("allowed.", "settings_say.")  # keyed by the backend's English
    ours = {key for key in en if not key.startswith(backends)}
    assert ours == {key for key in ja if not key.startswith(backends)}
    for key in ours:
        assert en[key].strip()
        assert ja[key].strip()
        assert set(re.findall(r"{\w+}", en[key])) == set(re.findall(r"{\w+}", ja[key])), key


def test_every_error_code_has_a_text() -> None:
    sources = [*(ROOT / "backend").glob("*.py"), *(ROOT / "demo").rglob("*.py")]
    text = "".join(path.read_text("utf-8") for path in sources)
    codes = set(re.findall(r'LabError\(\s*"(\w+)"', text)) | {"too_many_rows"}
    assert len(codes) > 15
    for lang in LANGS:
        assert not [code for code in codes if not words(lang).has(f"errors.{code}")]


def test_every_key_used_in_the_code_exists() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "demo").rglob("*.py"))
    keys = set(re.findall(r'words\("([\w.]+)"', text))
    assert len(keys) > 40
    assert not [key for key in keys if not words("en").has(key)]


def test_lessons_are_there_in_both_languages_and_nothing_else() -> None:
    names = {path.name for path in (HERE / "lessons").iterdir()}
    assert names == {f"{tab}.{lang}.md" for tab, _, _ in TABS for lang in LANGS}


@pytest.mark.parametrize("lang", LANGS)
def test_an_error_names_field_value_and_range_in_the_readers_language(lang: str) -> None:
    speak = Words(lang)  # type: ignore[arg-type]
    with pytest.raises(LabError) as caught:
        SamplingParams(do_sample=True, top_p=2)
    text = speak.error(caught.value)
    assert "top_p" in text
    assert "2" in text
    assert {"en": "in (0, 1]", "ja": "0より大きく1以下"}[lang] in text


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "default", "want"),
    [
        ("ja", "en", "en", "en", "ja"),
        (None, "en", "ja", "ja", "en"),
        (None, None, "ja-JP,ja;q=0.9,en;q=0.8", "auto", "ja"),
        (None, None, "fr,en;q=0.3,ja;q=0.7", "auto", "ja"),
        (None, None, "en-US,ja;q=0.5", "ja", "en"),
        (None, None, "", "ja", "ja"),
        (None, None, "fr", "auto", "en"),
        ("xx", "yy", ";;q=zz", "auto", "en"),
    ],
)
def test_language(
    query: str | None, cookie: str | None, accept: str, default: str, want: str
) -> None:
    assert choose_lang(query, cookie, accept, default) == want


def test_a_hostile_value_cannot_format() -> None:
    error = LabError("out_of_range", "x", field="{0.__class__}", value="{x}", allowed="{y}")
    assert "{x}" in words("en").error(error)


def test_no_string_is_written_in_a_tab() -> None:
    for path in (HERE / "tabs").glob("*.py"):
        code = re.sub(r'""".*?"""', "", path.read_text("utf-8"), flags=re.S)
        assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", code), Path(path).name
