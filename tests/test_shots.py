"""Examples: the course's layout to the letter, which are picked, what is done to them, verdicts."""

import asyncio
import math
from collections.abc import Sequence

import gradio as gr
import pytest

from backend.lab import Lab
from backend.model_names import name_parts, said_role
from backend.over_a_set import Rate
from backend.shots import (
    BLANK,
    CONTENT,
    COURSE,
    KINDS,
    MENDED,
    MOST,
    NUMBERS,
    Shot,
    answer_of,
    as_text,
    as_turns,
    blank,
    conditions,
    copied,
    drawn,
    grams,
    last_of,
    mislabelled,
    nearest,
    pool,
    run_together,
    swapped,
)
from demo.links import restored
from demo.widgets.set_runs import Group, run_groups
from demo.widgets.set_views import Row, apart, held_against, rows_html
from demo.widgets.shot_editor import LONGEST as SIDE
from demo.widgets.shot_editor import read_shots, used_shots, write_shots
from demo.widgets.shot_rows import answers_html, parts_of
from demo.widgets.shots_over_a_set import (
    BASE,
    COMPARISONS,
    GREEDY,
    label_truth,
    rows_of,
    sentences,
)
from demo.words import LANGS, words
from pocket.sentences import HELD_OUT

# the course's two-shot prompt (its section 2.1), as it is written there
TWO_SHOT = (
    "Please translate to Japanese: \nEnglish: How are you?\nJapanese: お元気ですか？\n\n"
    "Please translate to Japanese: \nEnglish: Today is a beautifulday.\n"
    "Japanese: 今日はいい天気ですね。\n\n"
    "Please translate to Japanese: \nEnglish: Tell me a story about a dragon.\nJapanese:"
)
QUESTIONS = [pair.english for pair in HELD_OUT[:5]]


def test_the_courses_prompt_to_the_letter() -> None:
    assert as_text(COURSE, CONTENT) == TWO_SHOT
    assert as_text((), CONTENT) == TWO_SHOT.rpartition("\n\n")[2]
    assert as_text(last_of(COURSE, 1), CONTENT) == TWO_SHOT.partition("\n\n")[2]


def test_the_courses_examples_are_the_cards() -> None:
    from pocket.measure import SHOTS

    assert [(s.english, s.japanese) for s in COURSE] == list(SHOTS)


def test_turns_alternate_and_end_with_the_question() -> None:
    turns = as_turns(COURSE, CONTENT)
    assert [m["role"] for m in turns] == ["system", *["user", "assistant"] * 2, "user"]
    assert turns[2]["content"] == "Japanese: お元気ですか？"
    assert turns[-1]["content"] == f"Please translate to Japanese: \nEnglish: {CONTENT}"
    assert as_turns((), "x", system="")[0]["role"] == "user"
    assert as_turns(COURSE, CONTENT, newline=True)[3]["content"].endswith("beautifulday.\n")


def test_an_answer_is_its_first_line_and_the_rest_runs_on() -> None:
    assert answer_of(" 竜。\n\nPlease translate") == ("竜。", "Please translate")
    assert answer_of("Japanese: 竜。") == ("竜。", "")
    assert answer_of("") == ("", "")


def test_examples_come_from_training_text_only() -> None:
    held = {pair.english for pair in HELD_OUT}
    assert len(pool()) > 1000
    assert not held & {shot.english for shot in pool()}


def test_fewer_examples_are_the_beginning_of_more() -> None:
    most = drawn("The dog wants soup.", MOST, seed=0)
    assert all(drawn("The dog wants soup.", n, seed=0) == most[:n] for n in NUMBERS)
    assert drawn("The dog wants soup.", MOST, seed=1) != most
    assert drawn("The cat wants soup.", MOST, seed=0) != most


def test_the_nearest_stand_last_and_have_the_highest_cosine() -> None:
    question = "The dog wanted soup."
    asked = grams(question)

    def cosine(text: str) -> float:
        other = grams(text)
        sizes = [math.sqrt(sum(v * v for v in c.values())) for c in (asked, other)]
        return sum(v * other[g] for g, v in asked.items()) / math.prod(sizes)

    picked = nearest(question, 3)
    scores = [cosine(shot.english) for shot in picked]
    assert scores == sorted(scores)
    ranked = sorted((cosine(shot.english) for shot in pool()), reverse=True)
    assert scores[::-1] == pytest.approx(ranked[:3])
    assert nearest(question, 1) == picked[-1:]


def test_what_is_done_to_labels_leaves_the_sentences() -> None:
    shots = drawn("The dog wants soup.", 4, seed=0)
    assert [s.japanese for s in swapped(shots)] == [
        *(s.japanese for s in shots[1:]),
        shots[0].japanese,
    ]
    wrong = mislabelled(shots, seed=0)
    assert all(w.japanese != s.japanese for w, s in zip(wrong, shots))
    assert all(s.japanese == BLANK for s in blank(shots))
    assert all(s.japanese == s.english for s in copied(shots))
    for changed in (swapped(shots), wrong, blank(shots), copied(shots)):
        assert [s.english for s in changed] == [s.english for s in shots]
    assert swapped(()) == ()


def test_a_lost_blank_makes_the_courses_typo() -> None:
    assert run_together("Today is a beautiful day.") == COURSE[1].english
    assert run_together("One") == "One"


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_asks_the_same_questions(kind: str) -> None:
    rows = conditions(kind, QUESTIONS)  # type: ignore[arg-type]
    assert len({(row.name, row.detail) for row in rows}) == len(rows) >= 3
    for row in rows:
        assert len(row.prompts) == len(QUESTIONS)
        for prompt, question in zip(row.prompts, QUESTIONS):
            asked = run_together(question) if row.name == "together" else question
            assert prompt.endswith(f"English: {asked}\nJapanese:")
    alone = conditions(kind, QUESTIONS[:1])  # type: ignore[arg-type]
    assert [row.prompts[0] for row in alone] == [row.prompts[0] for row in rows]


def test_all_orders_of_three_twice() -> None:
    rows = conditions("order", QUESTIONS[:1])
    assert [row.detail for row in rows if row.name == "filled"] == [
        "1-2-3", "1-3-2", "2-1-3", "2-3-1", "3-1-2", "3-2-1",
    ]  # fmt: skip
    assert sum(row.detail.endswith("_") for row in rows) == 2


def test_the_editor_reads_what_it_writes_and_survives_a_broken_link() -> None:
    assert read_shots(write_shots(COURSE)) == COURSE
    assert read_shots("not json") == COURSE
    assert read_shots("3") == COURSE
    assert read_shots("9" * 5000) == COURSE  # more digits than Python reads
    assert read_shots("[" * 100_000) == COURSE
    assert read_shots('[["a"], ["b", 1], ["c", "d"]]') == (Shot(english="c", japanese="d"),)
    assert len(read_shots(write_shots(COURSE * 8))) == MOST
    assert used_shots('[["", " "], [" a\\n b", "c"]]') == (Shot(english="a b", japanese="c"),)


def test_a_link_brings_every_example_whole() -> None:
    """A longer text is cut, and half a list is none: then the course's two would stand there."""
    side = '"' * SIDE  # each is written with a backslash
    written = write_shots([Shot(english=side, japanese=side)] * MOST)
    assert len(read_shots(written)) == MOST
    assert restored(gr.Textbox(), written)["value"] == written  # type: ignore[index]


def test_a_prompt_falls_into_fixed_text_and_content() -> None:
    parts = parts_of(TWO_SHOT, CONTENT)
    assert "".join(part.text for part in parts) == TWO_SHOT
    assert [part.text for part in parts if part.slot] == [CONTENT]
    assert [part.text for part in parts_of(TWO_SHOT, "")] == [TWO_SHOT]


def a_row(name: str, detail: str, right: int, total: int) -> Row:
    group = Group(name=name, model=BASE, prompts=[""] * total, judge=lambda i, said: True)
    group.right, group.said = right, dict.fromkeys(range(total))  # type: ignore[arg-type]
    return Row(name=name, detail=detail, group=group)


def test_what_the_counts_say_of_wrong_labels() -> None:
    def rates(right: int, wrong: int, none: int) -> dict[str, Rate]:
        counts = {"right": right, "wrong": wrong, "none": none}
        return {name: Rate(right=n, total=20) for name, n in counts.items()}

    assert label_truth(rates(20, 19, 2)) == "same"
    assert label_truth(rates(20, 10, 0)) == "between"
    assert label_truth(rates(20, 3, 2)) == "none"
    assert not apart(Rate(right=18, total=20), Rate(right=20, total=20))


def test_orders_hold_the_best_against_the_worst() -> None:
    rows = [a_row("filled", str(n), 20, 20) for n in range(6)]
    rows += [a_row("one_blank", str(n), 20 * (n % 2), 20) for n in range(6)]
    (low, high), (worst, best) = held_against("order", rows)
    assert (low.group.right, high.group.right) == (20, 20)
    assert (worst.group.right, best.group.right) == (0, 20)


@pytest.mark.parametrize("lang", LANGS)
def test_every_row_has_its_words_and_answers_stay_text(lang: str, lab: Lab) -> None:
    tell = words(lang)  # type: ignore[arg-type]
    pairs = sentences(2)
    for kind in COMPARISONS:
        for row in rows_of(kind, COURSE, pairs):
            assert tell(f"shots.cond_{row.name}", n=row.detail)
            assert len(row.group.prompts) == 2
        assert tell(f"shots.kind_{kind}")
        assert tell(f"shots.about_{kind}")
    [said] = lab.generate("1+1=?")
    row = rows_of("labels", COURSE, pairs[:1])[0]
    row.group.said[0] = said
    html = rows_html(tell, "models", [row])
    assert "<script" not in html
    evil = answers_html(tell, [said, None], [3, 4])
    assert evil.count("<li>") == 2


def test_names_are_taken_apart() -> None:
    parts = name_parts("meta-llama/Llama-2-7b-chat-hf")
    assert [(part.text, part.what) for part in parts] == [
        ("meta-llama", "maker"), ("Llama", "family"), ("2", "version"), ("7b", "size"),
        ("chat", "role"), ("hf", "format"),
    ]  # fmt: skip
    qwen = [part.text for part in name_parts("Qwen/Qwen2.5-7B-Instruct")]
    assert qwen == ["Qwen", "Qwen", "2.5", "7B", "Instruct"]
    assert said_role("meta-llama/Llama-2-7b-hf") == ""
    assert said_role("Qwen/Qwen2.5-7B-Instruct") == "chat"


def test_no_name_of_the_catalogue_contradicts_its_kind_and_some_are_silent() -> None:
    from backend.catalog import MODELS

    said = {name: (said_role(name), entry.kind) for name, entry in MODELS.items()}
    assert all(role in ("", kind) for role, kind in said.values())
    assert said["meta-llama/Llama-2-7b-hf"] == ("", "base")


async def counted(lab: Lab, rows: Sequence[Row], params: object) -> None:
    async for _ in run_groups(lab, [r.group for r in rows], params, person=""):  # type: ignore[arg-type]
        pass


def test_a_group_counts_each_answer_once(lab: Lab) -> None:
    rows = rows_of("form", COURSE, sentences(2))
    asyncio.run(counted(lab, rows, GREEDY))
    for row in rows:
        assert set(row.group.said) == {0, 1}
        texts = [row.group.said[i].text for i in range(2)]
        right = sum(answer_of(t)[0] == p.japanese for t, p in zip(texts, sentences(2)))
        assert row.group.rate == Rate(right=right, total=2)
        assert row.group.ended.total == 2
    [alone] = lab.generate(rows[0].group.prompts[0], GREEDY, model=BASE)
    assert rows[0].group.said[0].text == alone.text


@pytest.mark.slow
def test_the_newline_of_a_turn_changes_no_id(lab: Lab) -> None:
    plain, with_newline = (as_turns(COURSE, CONTENT, newline=n) for n in (False, True))
    assert plain != with_newline
    assert lab.render(plain, "pocket-chat").ids == lab.render(with_newline, "pocket-chat").ids


def test_printed_and_mended_examples_differ_in_one_blank() -> None:
    assert MENDED[1].english.replace("beautiful day", "beautifulday") == COURSE[1].english
