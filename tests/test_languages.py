"""No English is left on a Japanese page, nor Japanese on an English one: keys, lessons, pages."""

import json
import re

import pytest

from backend.lab import Lab
from backend.settings import Settings
from demo.app import TABS, build
from demo.identity import Identity
from demo.words import HERE, LANGS, Lang, words

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# what is said in neither language: code, what is quoted, citations, names of files and variables
ASIDE = re.compile(
    r"`[^`]*`|“[^”]*”|「[^」]*」|\"[^\"]*\"|\{\w*\}|\[[^\]]*\]\([^)]*\)|<[^>]*>|https?://\S+"
    r"|\(?[A-Z][\w.-]+ (?:et al\.?|and [A-Z]\w+|& [A-Z]\w+),? ?\(?\d{4}[a-z]?\)?|[\w./-]*[_/=]\S*"
)
SENTENCE = re.compile(r"(?<![A-Za-z])(?:[A-Za-z]{1,}[,;']? ){3,}[A-Za-z]{2,}")
# shell commands and names of code, the same in every language
CODE = ("uv pip install", "hf ", "wget", "tokenize + convert")
EXAMPLES = {"apart.pieces.sentence"}  # Japanese on both pages: its tokens are counted


def texts(lang: Lang) -> dict[str, str]:
    """Every string and every paragraph of every lesson of a language."""
    found = dict(words(lang)._texts)
    for path in sorted((HERE / "lessons").glob(f"*.{lang}.md")):
        for number, part in enumerate(path.read_text("utf-8").split("\n\n")):
            found[f"{path.name} {number}"] = part.replace("*", "")
    return found


def english_left(text: str) -> str:
    """Return the first run of English words outside code and quotations."""
    bare = ASIDE.sub("、", text)
    for start in CODE:
        bare = re.sub(re.escape(start) + r"[\w .\-]*", "、", bare)
    run = SENTENCE.search(bare)
    if run:
        return run[0]
    longest = max(re.findall(r"[A-Za-z][A-Za-z' -]*", bare), key=len, default="")
    return bare if not JAPANESE.search(text) and len(longest.split()) > 3 else ""


def japanese_left(text: str) -> str:
    """Return the first Japanese letters outside code and quotations."""
    found = JAPANESE.search(ASIDE.sub(" ", text))
    return found[0] if found else ""


@pytest.mark.parametrize("lang", LANGS)
def test_no_key_is_written_twice(lang: Lang) -> None:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        assert len(set(keys)) == len(keys), [key for key in keys if keys.count(key) > 1]
        return dict(pairs)

    json.loads((HERE / "locales" / f"{lang}.json").read_text("utf-8"), object_pairs_hook=once)


def test_the_rules_find_what_they_are_for() -> None:
    assert english_left("モデルは reads all tokens so far ので")
    assert english_left("Something went wrong in the lab itself")
    assert not english_left("“Tell me a story about a dragon.” と頼む")
    assert not english_left("講義（Wolf et al., 2020）の `tokenizer()` と max_new_tokens")
    assert not english_left("temperature")
    assert japanese_left("The 重み are numbers")
    assert not japanese_left("“竜” is three bytes")


def test_no_english_is_left_in_japanese() -> None:
    skip = ("allowed.", "settings_say.")  # keyed by the backend's English
    left = {
        key: found
        for key, text in texts("ja").items()
        if not key.startswith(skip) and (found := english_left(text))
    }
    assert not left


def test_no_japanese_is_left_in_english() -> None:
    left = {key: found for key, text in texts("en").items() if (found := japanese_left(text))}
    assert set(left) <= EXAMPLES


def test_prose_is_written_and_not_copied() -> None:
    en, ja = words("en")._texts, words("ja")._texts
    same = {key: en[key] for key in en if key in ja and en[key] == ja[key]}
    prose = {key: re.findall("[a-z]{2,}", ASIDE.sub(" ", text)) for key, text in same.items()}
    assert not {key: found for key, found in prose.items() if len(found) > 3}


def test_every_tab_has_its_lesson_in_both_languages() -> None:
    for tab, _, _ in TABS:
        for lang in LANGS:
            title, body = words(lang).lesson(tab)
            assert bool(JAPANESE.search(title)) == (lang == "ja"), (tab, lang)
            assert title.strip()
            assert body.strip()


@pytest.mark.parametrize(("here", "there"), [("ja", "en"), ("en", "ja")])
def test_a_page_says_nothing_in_the_other_language(here: Lang, there: Lang) -> None:
    settings = Settings()
    page = build(Lab(settings), Identity(settings), words(here)).config
    shown = [json.dumps(c["props"], ensure_ascii=False, default=str) for c in page["components"]]
    whole = re.sub("<pre.*?</pre>", "", " ".join(shown))  # code is English everywhere
    own = set(words(here)._texts.values())
    # what a model is asked is an input: the course's are English on both pages
    asked = re.compile(r"\.(question_default|example_\w+)$")
    foreign = [
        text
        for key, text in words(there)._texts.items()
        if text not in own
        and "{" not in text
        and len(text) >= 12
        and not key.startswith("docs")
        and not asked.search(key)
    ]
    assert len(foreign) > 50
    found = [text for text in foreign if json.dumps(text, ensure_ascii=False)[1:-1] in whole]
    assert not found


def test_limits_that_the_backend_works_out_are_in_the_readers_language() -> None:
    assert words("ja").of("allowed", "1 to 512") == "1から512まで"
    assert words("en").of("allowed", "1 to 512") == "1 to 512"
