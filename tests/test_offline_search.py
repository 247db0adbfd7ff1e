"""The shipped pages and BM25 over them: what is found, what they are made of."""

import re

import pytest

from backend.offline_search import Index, Page, shipped, terms
from pocket.facts import FORMS, held_out_name
from pocket.words import NAMES, NAMES_JA


def test_the_corpus_finds_its_own_pages() -> None:
    """Each invented place's facts, asked in the model's words, lead to its page first."""
    asked = 0
    for page in shipped().pages:
        if page.kind == "invented":
            for form in FORMS:
                question = form.question_ja if page.lang == "ja" else form.question
                found = shipped().search(question.format(x=page.title), 3)
                assert found[0].id == page.id, question
                asked += 1
    assert asked > 300


def facts_of(page: Page) -> list[tuple[str, str]]:
    """(kind, value) of every sentence that is a fact in one of the model's forms."""
    found = []
    for form in FORMS:
        said = (form.fact_ja if page.lang == "ja" else form.fact).format(x=page.title, v="\0")
        match = re.search(re.escape(said).replace("\0", r"([^\s。]+?)"), page.text)
        if match:
            found.append((form.kind, match[1]))
    return found


def test_the_corpus_is_of_names_that_training_never_shows() -> None:
    pages = shipped().pages
    assert len({page.id for page in pages}) == len(pages) > 80
    for page in pages:
        assert re.fullmatch(r"[a-z0-9-]+", page.id)
        if page.kind == "invented":
            assert held_out_name(page.title), page
            told = facts_of(page)
            assert len(told) == 4, page
            for kind, value in told:
                known = value in NAMES or value in NAMES_JA
                assert kind not in ("name",) or held_out_name(value), (page, value)
                assert kind != "person" or known
    for lang in ("en", "ja"):
        assert sum(p.kind == "invented" and p.lang == lang for p in pages) >= 20
        assert sum(p.kind == "real" and p.lang == lang for p in pages) >= 20


def test_bm25_on_a_case_worked_by_hand() -> None:
    """Two pages of two terms: idf = ln(1 + 1.5/1.5) = ln 2 for a term of one, tf part 2.2/2.2."""
    pages = [Page(id=t, lang="en", kind="real", title=t, text="both") for t in ("one", "two")]
    scores = Index(pages).scores("one")
    assert scores == pytest.approx([0.6931472, 0.0])
    assert Index([]).search("one", 3) == []


def test_terms_are_words_and_japanese_pairs() -> None:
    assert terms("The Shinano, 3776!") == ["the", "shinano", "3776"]
    assert terms("信濃川は川") == ["信濃", "濃川", "川は", "は川"]
    assert terms("川") == ["川"]
    assert terms("モレノの") == ["モレ", "レノ", "ノの", "モレノ"]
