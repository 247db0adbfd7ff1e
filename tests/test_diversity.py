"""Self-BLEU against sacrebleu and against the course's own texts; its companions; refusals."""

import ast
import gzip
import random
import re
import statistics

import pytest
import sacrebleu

from backend.catalog import ROOT
from backend.diversity import chosen_tokenizer, companions, self_bleu
from demo.widgets.sweep_views import RECORDED

COURSE = ROOT.parent / "shared" / "tutorial" / "llm-tutorial.ja.md"
PROMPT = "Tell me a story about a dragon."
WORDS = ("the", "dragon", "flew", "over", "a", "castle", "into", "dark", "flames", "with", "gold")


def some_texts(seed: int, n: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(6, 25))) + "." for _ in range(n)]


@pytest.fixture(scope="module")
def printed() -> list[list[str]]:
    """The course's six lists of three texts, read where it lies."""
    if not COURSE.exists():
        pytest.skip("the course's text is not here: it is kept outside the repository")
    pattern = r"```python\n(\[\n  \{'generated_text'.*?\n\])\nSelf-BLEU"
    lists = re.findall(pattern, COURSE.read_text("utf-8"), re.S)
    return [[d["generated_text"].strip() for d in ast.literal_eval(found)] for found in lists]


def test_the_courses_six_tables_come_out_to_the_digit(printed: list[list[str]]) -> None:
    assert len(printed) == len(RECORDED) == 6
    for texts, row in zip(printed, RECORDED):
        new = [text.removeprefix(PROMPT).strip() for text in texts]
        got = [
            round(statistics.fmean(self_bleu(t, references=r)), 2)  # type: ignore[arg-type]
            for t, r in ((texts, "first"), (texts, "all"), (new, "first"), (new, "all"))
        ]
        assert got == [row.printed, row.kept_all, row.removed_first, row.removed_all]
        assert companions(texts).duplicates == row.twins


def test_the_recorded_figures_are_the_courses_and_the_erratas() -> None:
    assert [r.printed for r in RECORDED] == [23.46, 100.0, 43.82, 61.42, 15.75, 9.80]
    assert [r.kept_all for r in RECORDED] == [33.36, 100.0, 67.13, 80.71, 35.31, 10.63]
    assert [r.removed_first for r in RECORDED] == [16.25, 100.0, 39.72, 58.61, 6.25, 1.83]
    assert [r.removed_all for r in RECORDED] == [27.72, 100.0, 64.15, 79.30, 28.96, 2.13]


def test_every_reading_is_sacrebleus() -> None:
    for seed in range(30):
        texts = some_texts(seed, 2 + seed % 5)
        for i, (every, first) in enumerate(
            zip(self_bleu(texts), self_bleu(texts, references="first"))
        ):
            others = texts[:i] + texts[i + 1 :]
            streams = [[other] for other in others]
            assert every == pytest.approx(sacrebleu.corpus_bleu([texts[i]], streams).score)
            assert every == sacrebleu.sentence_bleu(texts[i], others).score
            assert first == pytest.approx(sacrebleu.corpus_bleu([texts[i]], [others]).score)


def test_order_changes_only_order_and_the_same_text_scores_100() -> None:
    texts = some_texts(3, 6)
    assert self_bleu(texts[::-1])[::-1] == pytest.approx(self_bleu(texts))
    assert self_bleu([texts[0]] * 3) == pytest.approx([100.0] * 3)


def test_it_rises_with_the_number_of_texts_of_one_source() -> None:
    means = [statistics.fmean(self_bleu(some_texts(5, n))) for n in (3, 10, 40)]
    assert means == sorted(means)
    assert means[-1] > means[0] + 10


def test_the_tokenizer_is_chosen_once_by_the_letters() -> None:
    japanese = ["森に小さな竜がいました。", "森に大きな竜がいました。"]
    assert chosen_tokenizer(japanese) == "char"
    assert chosen_tokenizer(["a dragon", "a castle"]) == "13a"
    assert chosen_tokenizer(["竜 dragon", "竜"]) == "13a"  # two of eight letters
    assert chosen_tokenizer(["竜の森 ab", "1234 !?"]) == "char"  # digits are not letters
    assert chosen_tokenizer(["123", "456"]) == "13a"
    assert chosen_tokenizer(["한국어", "한글"]) == "char"
    assert statistics.fmean(self_bleu(japanese, tokenize="13a")) == 0
    assert statistics.fmean(self_bleu(japanese)) > 50
    assert self_bleu(japanese) == self_bleu(japanese, tokenize="char")


def test_companions() -> None:
    found = companions(["a b a b", "a b a b", "c d e f"])
    assert found.duplicates == 1
    assert found.distinct_1 == pytest.approx(6 / 12)
    assert found.distinct_2 == pytest.approx(5 / 9)  # ab ba of six, cd de ef of three
    assert found.mean_characters == 7
    data = b"a b a b\na b a b\nc d e f"
    assert found.compression_ratio == pytest.approx(len(data) / len(gzip.compress(data, mtime=0)))
    assert companions(["x y z " * 50] * 3).compression_ratio > 10
    assert companions(["a", "\ud800"]).duplicates == 0  # a lone surrogate has bytes too


@pytest.mark.parametrize(
    ("texts", "options", "field"),
    [
        ([], {}, "texts"),
        (["one"], {}, "texts"),
        (["one", "", " \n"], {}, "texts"),
        ("one two", {}, "texts"),
        (["one", 2], {}, "texts"),
        (None, {}, "texts"),
        (["one", "two"], {"references": "some"}, "references"),
        (["one", "two"], {"tokenize": "words"}, "tokenize"),
        (["one", "two"], {"tokenize": ["13a"]}, "tokenize"),
        (["one", "two"], {"references": None}, "references"),
    ],
)
def test_wrong_arguments_are_refused(texts: object, options: dict, field: str) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        self_bleu(texts, **options)  # type: ignore[arg-type]
    assert caught.value.values["field"] == field  # type: ignore[attr-defined]


def test_an_empty_text_among_others_scores_nothing() -> None:
    assert self_bleu(["a dragon flew away", "", "a dragon flew home"])[1] == 0
