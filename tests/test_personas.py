"""Personas and the history, without a browser: levels, letters, what is cut, what is heard."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from backend.errors import LabError
from backend.history import check_context, fitted
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.personas import (
    CARDS,
    LEVELS,
    MBTI,
    TYPES,
    adjective,
    card_of,
    check_levels,
    check_voice,
    levels_of,
    marks_in,
    names_kansai,
    system_of,
    told,
)
from backend.types import Message, Prompt, SamplingParams
from demo.widgets.big_five import DRAWS, REQUEST, ROWS, SEED, drawn_shares, spelled
from demo.widgets.code_pane import fill
from demo.widgets.history_view import history_html
from demo.widgets.marker_meter import GREEDY, Heard, listen, placed
from demo.widgets.only_new import ways
from demo.widgets.persona_pair import marked
from demo.widgets.system_role import prove
from demo.words import words
from pocket.lines import wilson
from pocket.voices import ADJECTIVES, MARKERS, TRAITS, VOICES
from tests.conftest import WEIGHTS
from tests.test_snippets import run

Item = TypeVar("Item")
TALK: list[Message] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "first answer"},
    {"role": "user", "content": "two"},
    {"role": "assistant", "content": "second answer"},
    {"role": "user", "content": "three"},
]


def letters(messages: Sequence[Message]) -> Prompt:
    """A template of one id per letter, with a mark before each message."""
    text = "".join(f"|{m['content']}" for m in messages)
    return Prompt(text=text, ids=tuple(map(ord, text)))


def test_nothing_is_cut_where_all_fits() -> None:
    turn = fitted(letters, TALK, room=10, context=1000)
    assert turn.messages == tuple(TALK)
    assert (turn.dropped, turn.cut) == (0, 0)
    assert (turn.system, turn.new) == (len("|Be kind."), len("|three"))
    assert turn.system + turn.again + turn.new == len(turn.prompt.ids)


@pytest.mark.parametrize(("context", "left"), [(60, 0), (59, 1), (43, 1), (42, 2), (25, 2)])
def test_the_oldest_exchanges_go_and_the_replys_room_stays(context: int, left: int) -> None:
    turn = fitted(letters, TALK, room=10, context=context)
    assert turn.dropped == left
    assert turn.left_out == ("one", "two")[:left]
    assert turn.messages == (TALK[0], *TALK[1 + 2 * left :])
    assert len(turn.prompt.ids) + turn.room <= context
    assert turn.cut == len(letters(TALK).ids) - len(turn.prompt.ids)


def test_no_more_is_dropped_than_must_be() -> None:
    for context in range(25, 80):
        turn = fitted(letters, TALK, room=10, context=context)
        if turn.dropped:
            kept_more = [TALK[0], *TALK[1 + 2 * (turn.dropped - 1) :]]
            assert len(letters(kept_more).ids) + 10 > context


def test_a_last_message_that_does_not_fit_is_refused() -> None:
    with pytest.raises(LabError) as error:
        fitted(letters, TALK, room=10, context=24)
    assert error.value.code == "message_too_long"
    for lang in ("en", "ja"):
        said = words(lang).error(error.value)  # type: ignore[arg-type]
        assert "24" in said
        assert "?" not in said


@pytest.mark.parametrize("context", [63, 2049, 100.5, None, "256", True, float("nan")])
def test_a_wrong_context_is_refused(context: object) -> None:
    with pytest.raises(LabError):
        check_context(context, 2048)


def test_a_right_context_is_taken() -> None:
    assert [check_context(c, 2048) for c in (64, 256.0, 2048)] == [64, 256, 2048]


def test_the_history_is_drawn_with_its_figures_and_escaped() -> None:
    talk = [{**m, "content": m["content"].replace("one", "<b>one")} for m in TALK]
    turns = [
        fitted(letters, talk[:2], room=10, context=50),
        fitted(letters, talk, room=10, context=50),
    ]
    html = history_html(turns, words("en"))
    assert html.count('class="turn"') == 2
    assert "<b>one" not in html
    assert "<del>&lt;b&gt;one</del>" in html
    assert f"{len(turns[1].prompt.ids)} ids" in html
    assert 'class="cut"' in html
    assert 'class="cut" style' not in history_html(turns[:1], words("en"))


def test_cards_are_the_voices_and_kansai_is_first() -> None:
    assert [card.name for card in CARDS] == ["kansai", "polite", "pirate", "plain"]
    assert CARDS[0].system == "You are a helpful Kansai-jin assistant."
    assert all(card_of(f" {card.system}\n") == card.name for card in CARDS)
    assert card_of("You are a poet.") == "own"
    assert check_voice("pirate") == "pirate"
    with pytest.raises(LabError):
        check_voice("plain")


def test_marks_are_found_without_overlap() -> None:
    text = "うちはポケットモデルや。まいど！食べたで。"
    spans = marks_in(text, "kansai")
    assert [text[a:b] for a, b in spans] == ["や。", "まいど", "で。"]
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert not marks_in("きつねです。", "kansai")
    assert marked("<Arr>, matey", "pirate") == "&lt;<mark>Arr</mark>&gt;, <mark>matey</mark>"


def test_kansai_is_seen_in_either_script() -> None:
    assert names_kansai("You are a KANSAI-jin.")
    assert names_kansai("関西弁で")
    assert names_kansai("Ｋａｎｓａｉ")
    assert names_kansai("かんさいの人")
    assert names_kansai("ｶﾝｻｲの人")
    assert not names_kansai("You are a shopkeeper from Osaka.")
    silent = [s for s in VOICES["kansai"].systems if not names_kansai(s)]
    assert silent, "the exercise has a solution that the model was taught"


def test_levels_become_adjectives_and_wrong_ones_are_refused() -> None:
    five = check_levels([1, 2, 3, 4, 5.0])
    assert list(five.values()) == [1, 2, 3, 4, 5]
    text = system_of(five)
    assert [adjective(t, level) in text for t, level in five.items()] == [True] * 5
    assert ADJECTIVES["openness"][0] in text
    assert ADJECTIVES["neuroticism"][1] in text
    assert len({adjective("extraversion", level) for level in LEVELS}) == len(LEVELS)
    assert check_levels([0, 0, 4, 0, 0]) == {"extraversion": 4}
    assert ADJECTIVES["openness"][1] not in system_of({"extraversion": 4})
    assert system_of({}) == ""
    for wrong in (-1, 6, 2.5, True, None, "3"):
        with pytest.raises(LabError) as error:
            check_levels([wrong, 3, 3, 3, 3])
        assert error.value.values["field"] == TRAITS[0]


def test_letters_are_the_four_correlates_and_never_neuroticism() -> None:
    assert len(set(TYPES)) == 16
    four = set(TRAITS) - {"neuroticism"}
    assert {trait for trait, _ in MBTI.values()} == four
    enfp, istj = levels_of("ENFP"), levels_of("ISTJ")
    assert set(enfp) == set(istj) == four
    assert [enfp[t] for t in TRAITS if t in enfp] == [5, 1, 5, 5]
    assert all(enfp[t] + istj[t] == 6 for t in four)
    assert spelled("I") == ADJECTIVES["extraversion"][0]
    assert system_of({"extraversion": 1}).endswith(f"{spelled('I')}.")
    for wrong in ("", "enfp", "NEFP", "ENFPX"):
        with pytest.raises(LabError):
            levels_of(wrong)


def test_a_line_stands_in_three_places() -> None:
    assert placed("Be kind.", "Hello.", "system") == told("Be kind.", "Hello.")
    assert placed("Be kind.", "Hello.", "nowhere") == told("", "Hello.")
    [user] = placed("Be kind.", "Hello.", "user")
    assert user == {"role": "user", "content": "Be kind.\n\nHello."}


def test_three_ways_are_right_and_one_is_wrong(lab: Lab) -> None:
    messages = told(CARDS[0].system, "Please translate to Japanese: How are you?")
    prompt = lab.render(messages)
    [made] = lab.generate(messages, SamplingParams(max_new_tokens=40))
    ids = [step.token_id for step in made.steps]
    found = ways(prompt, ids, lambda some: lab.decode(some, skip_special_tokens=True))
    assert [way.right for way in found] == [True, True, True, False]
    assert found[0].given.strip() == made.text.strip()
    assert found[-1].given.strip() != made.text.strip()


def test_the_system_text_is_part_of_the_first_turn(lab: Lab) -> None:
    proof = prove(lab, CARDS[0].system)
    assert proof.role == proof.hand
    assert len(proof.tag) > 1
    assert proof.second is not None


def heard_over(lab: Lab, line: str, n: int, where: tuple[str, ...]) -> list[Heard]:
    return last_of(listen(lab, line, n, "", where=where))


def shares(lab: Lab, trait: str, n: int) -> list[Rate]:
    return last_of(drawn_shares(lab, trait, n, ""))


def last_of(items: AsyncIterator[list[Item]]) -> list[Item]:
    """The last list that comes."""

    async def read() -> list[Item]:
        return [item async for item in items][-1]

    return asyncio.run(read())


def test_the_courses_line_is_answered_in_kansai_dialect(lab: Lab) -> None:
    [heard] = heard_over(lab, CARDS[0].system, 4, ("system",))
    assert heard.rate("kansai") == Rate(right=4, total=4)
    request = "Please translate to Japanese: Tell me a story about a dragon."
    [answer] = lab.generate(told(CARDS[0].system, request), GREEDY)
    assert marks_in(answer.text, "kansai")


def card_line(name: str) -> tuple[int, int]:
    """The right and total of a persona's line on the model card."""
    lines = json.loads((WEIGHTS / "evaluation.json").read_text("utf-8"))
    found = next(x for x in lines if x["effect"] == "persona" and x["name"].startswith(name))
    return found["right"], found["total"]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(VOICES))
def test_the_meter_agrees_with_the_card(lab: Lab, name: str) -> None:
    line = VOICES[name].systems[0]
    with_line, without = heard_over(lab, line, 40, ("system", "nowhere"))
    low, high = wilson(*card_line(name))
    ours = with_line.rate(name).interval
    assert ours[0] <= high
    assert low <= ours[1]
    assert without.rate(name).share <= 0.1


@pytest.mark.slow
def test_the_traits_rise_with_their_levels(lab: Lab) -> None:
    for trait in TRAITS:
        rates = shares(lab, trait, DRAWS[1])
        assert all(rate.total == DRAWS[1] for rate in rates)
        assert rates[0].interval[1] < rates[-1].interval[0], trait
        for low, high in itertools.pairwise(rates):
            assert low.interval[0] <= high.interval[1], trait


@pytest.mark.slow
def test_the_snippets_print_the_pages_figures(lab: Lab, tmp_path: Path) -> None:
    def printed(name: str, **values: object) -> str:
        script = tmp_path / f"{name}.py"
        script.write_text(fill(name, values), "utf-8")
        return run(script)

    systems = [CARDS[0].system, CARDS[2].system]
    request = "Please translate to Japanese: How are you?"
    sampling = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
    out = printed("persona", SYSTEMS=systems, REQUEST=request, SAMPLING=sampling, SEED=3)
    params = SamplingParams(**sampling, seed=3, max_new_tokens=160)  # type: ignore[arg-type]
    for system in systems:
        assert lab.generate(told(system, request), params)[0].text.strip() in out

    [heard, without] = heard_over(lab, systems[0], 6, ("system", "nowhere"))
    markers = list(VOICES["kansai"].markers)
    out = printed("persona_rate", REQUESTS=list(heard.requests), MARKERS=markers)
    counts = [int(n) for n in re.findall(r"^(\d+) of 6", out, re.M)]
    assert counts == [heard.rate("kansai").right, without.rate("kansai").right]

    lines = [system_of(dict.fromkeys(TRAITS, 3) | {"extraversion": level}) for level in LEVELS]
    out = printed("big_five", SYSTEMS=lines, MARKER=MARKERS["extraversion"], TIMES=1, SEED=SEED)
    counts = [int(n) for n in re.findall(r": (\d+) of", out)]
    assert counts == [rate.right for rate in shares(lab, "extraversion", ROWS)]
    assert REQUEST in (Path("demo/snippets/big_five.py")).read_text("utf-8")


@pytest.mark.slow
def test_the_history_snippet_leaves_out_and_goes_on() -> None:
    out = run(Path("demo/snippets/history.py").resolve())
    left = [int(n) for n in re.findall(r", (\d+) left out", out)]
    assert left[0] == 0
    assert left[-1] > 0
