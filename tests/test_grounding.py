"""Packing, citing and lying: what is in the prompt, and that a citation always resolves."""

import random

import pytest

from backend.grounding import (
    asks,
    cite,
    contradiction,
    in_form,
    pack,
    with_marks,
)
from backend.retrieval import Hit
from pocket.facts import FOODS, FORMS, facts, passage, with_context

DONATH = "The capital of Donath is Somun. The color of Donath is red."
FABRI = "The capital of Fabri is Gerel. The color of Fabri is blue."
HITS = [Hit(title=t[:3], link="", snippet=t) for t in (DONATH, FABRI, "It rains.")]
QUESTION = "What is the capital of Donath?"


def words_in(line: str) -> int:
    return len(line.split())


@pytest.mark.parametrize(("budget", "used"), [(10, 0), (12, 0), (13, 1), (25, 1), (26, 2), (99, 3)])
def test_hits_are_packed_from_the_first_while_they_fit(budget: int, used: int) -> None:
    """Lines of 13, 13 and 3 words; what does not fit ends the packing, so [n] is hit n."""
    packed = pack(HITS, QUESTION, budget=budget, count=words_in)
    assert packed.tokens == (13, 13, 3)
    assert (packed.used, len(packed.passages)) == (used, used)
    wanted = with_context(list(packed.passages), QUESTION, ja=False) if used else QUESTION
    assert packed.message == wanted
    assert sum(packed.tokens[: packed.used]) <= budget


def test_nothing_found_is_the_question_alone() -> None:
    packed = pack([], QUESTION, budget=100, count=words_in)
    assert (packed.message, packed.tokens, packed.passages) == (QUESTION, (), ())


def test_the_language_of_the_question_chooses_the_prompt() -> None:
    assert asks("首都はどこですか？", ["a"]).startswith("文脈を使って")
    assert asks(QUESTION, ["a"]).startswith("Answer with the help")


@pytest.mark.parametrize(
    "mark", ["</s>", "<s>", "[/INST]", "[INST]", "<<SYS>>", "<|im_start|>", "<pad>", "<｜User｜>"]
)
def test_a_hit_has_no_mark_of_a_template(mark: str) -> None:
    hit = Hit(title="", link="", snippet=f"one {mark} two")
    packed = pack([hit], QUESTION, budget=100, count=words_in)
    assert mark not in packed.message
    assert "two" in packed.message


@pytest.mark.parametrize(
    ("answer", "question", "passages"),
    [
        ("The capital of Donath is Somun.", QUESTION, [1]),
        ("The capital of Donath is Gerel.", QUESTION, [None]),  # another page's value
        ("The capital of Fabri is Gerel.", "What is the capital of Fabri?", [2]),
        ("I do not know.", QUESTION, [None]),
        ("What is the capital of Donath?", QUESTION, [None]),  # says nothing new
        ("The capital of Dona is Somun.", QUESTION, [None]),  # the name is misspelt
        ("It is Somun. It is Berlin.", QUESTION, [1, None]),
        ("Somun [2].", QUESTION, [1]),  # the model's own mark is not believed
        ("", QUESTION, []),
    ],
)
def test_a_sentence_gets_the_passage_that_says_it(
    answer: str, question: str, passages: list[int | None]
) -> None:
    told = [DONATH, FABRI]
    assert [s.passage for s in cite(answer, told, question)] == passages


@pytest.mark.parametrize(
    ("answer", "passage"),
    [
        ("ヘモマの動物はぞうです。", 1),
        ("ヘモマの動物はうさぎです。", None),
        ("ヘモマは1392年にできました。", 1),
        ("ヘモマは1393年にできました。", None),
        ("ヘモの動物はぞうです。", None),
        ("わかりません。", None),
    ],
)
def test_japanese_is_cited_by_its_runs(answer: str, passage: int | None) -> None:
    told = ["ヘモマの動物はぞうです。ヘモマは1392年にできました。", "モエノの色は緑です。"]
    [sentence] = cite(answer, told, "ヘモマの動物は何ですか？")
    assert sentence.passage == passage


def test_citations_always_resolve_and_right_copies_are_always_cited() -> None:
    r = random.Random(0)
    for _ in range(300):
        ja = r.random() < 0.5
        told = [facts(r, 2, ja=ja) for _ in range(r.randint(1, 4))]
        passages = [passage(r, of_one, ja=ja) for of_one in told]
        n = r.randrange(len(told))
        fact = told[n][0]
        [sentence] = cite(fact.sentence, passages, fact.question)
        assert sentence.passage is not None
        assert fact.sentence in passages[sentence.passage - 1]
        noise = "".join(r.choice("ab [1] [99]. アい。7") for _ in range(40))
        for found in cite(noise, passages, fact.question):
            assert found.passage is None or 1 <= found.passage <= len(passages)
        assert not [s for s in cite(fact.sentence, [], fact.question) if s.passage]


@pytest.mark.parametrize(
    ("answer", "sentences"),
    [
        ("It is 3.5 m tall. It is 4.5 m wide.", ["It is 3.5 m tall.", "It is 4.5 m wide."]),
        ("See example.com for more!", ["See example.com for more!"]),
        ("高さは3.5mです。幅は2mです。", ["高さは3.5mです。", "幅は2mです。"]),
        ("Yes... It costs $1,000.50.\nGood", ["Yes...", "It costs $1,000.50.", "Good"]),
        ("はい?いいえ.", ["はい?", "いいえ."]),
        ("." * 100_000 + "a." + "." * 100_000, ["a." + "." * 100_000]),  # within milliseconds
    ],
)  # fmt: skip
def test_a_dot_inside_a_word_loses_nothing(answer: str, sentences: list[str]) -> None:
    assert [s.text for s in cite(answer, [], QUESTION)] == sentences


def test_a_decimal_number_is_one_number() -> None:
    told = ["It is 5.3 m tall.", "It is 3.5 m tall."]
    assert [s.passage for s in cite("It is 3.5 m tall.", told, QUESTION)] == [2]


def test_marks_are_written_behind_their_sentences() -> None:
    cited = cite("It is Somun. It is Berlin.", [DONATH], QUESTION)
    assert with_marks(cited, ja=False) == "It is Somun. [1] It is Berlin."


def test_there_is_no_lie_where_every_value_is_told() -> None:
    told = [f"The best food of Donath is {food}." for food in FOODS]
    assert contradiction("What is the best food of Donath?", told, 1) is None
    assert contradiction("What is the best food of Donath?", told[1:], 1) is not None


def test_every_form_is_read_back_and_contradicted() -> None:
    r = random.Random(1)
    for form in FORMS:
        for ja in (False, True):
            [fact] = facts(r, 1, ja=ja, forms=[form])
            asked = in_form(fact.question)
            assert asked is not None
            assert (asked.form, asked.place, asked.told(fact.sentence)) == (
                form,
                fact.place,
                fact.value,
            )
            lie = contradiction(fact.question, [fact.sentence], 1)
            assert lie is not None
            assert lie != fact.sentence
            assert asked.told(lie) not in (None, fact.value)
            bare = contradiction(fact.question, ["It rains."], 1)
            assert bare is not None
            assert asked.told(bare)


def test_outside_the_forms_the_lab_writes_no_lie() -> None:
    assert contradiction("How high is Mount Fuji?", [DONATH], 1) is None
