"""Verdicts on answers to instructions, the sets they are counted on, and the card's own figures."""

import asyncio
import json
from itertools import pairwise

import pytest

from backend.catalog import ROOT
from backend.instructions import CANDIDATES, CONTENT, COURSE, Task, best, held_out, obeys, task_of
from backend.lab import Lab
from backend.over_a_set import Rate
from backend.prompts import prompt
from backend.types import Generation, SamplingParams
from demo.tabs.prompt import Last, grid_of, own_template
from demo.widgets import chain_of_thought, prompt_search_panel, success_panel
from demo.widgets.prompt_ask import MODELS, Chosen
from demo.widgets.set_runs import Group, run_groups
from demo.words import words
from pocket.measure import sum_problems
from pocket.sentences import HELD_OUT

CARD = json.loads((ROOT / "pocket" / "weights" / "evaluation.json").read_text("utf-8"))


def run(lab: Lab, groups: list[Group], params: SamplingParams) -> list[tuple[int, int]]:
    async def collect() -> list[tuple[int, int]]:
        return [state async for state in run_groups(lab, groups, params, person="")]

    return asyncio.run(collect())


def of_the_card(effect: str, name: str) -> Rate:
    [found] = [row for row in CARD if (row["effect"], row["name"]) == (effect, name)]
    return Rate(right=found["right"], total=found["total"])


def overlap(a: Rate, b: Rate) -> bool:
    (a_low, a_high), (b_low, b_high) = a.interval, b.interval
    return a_low <= b_high and b_low <= a_high


def test_a_task_is_read_off_a_template() -> None:
    assert [task_of(one) for one in COURSE] == ["translate", "translate", "short", "paraphrase"]
    assert task_of("{content} =>") == "translate"
    assert task_of("{content} In other words:") == "paraphrase"
    assert task_of("Sing: {content}") is None
    assert all(task_of(one) == task for task, of in CANDIDATES.items() for one in of)


def test_only_the_first_line_is_judged_and_only_where_there_is_a_judge() -> None:
    pair = HELD_OUT[0]
    assert obeys("translate", pair.english, f"\n{pair.japanese}\nmore") is True
    assert obeys("translate", pair.english, pair.paraphrase) is False
    assert obeys("paraphrase", pair.english, f" {pair.paraphrase} ") is True
    assert obeys("short", CONTENT, "The dragon sings in the forest.") is True
    assert obeys("short", CONTENT, "The king sings in the forest.") is False
    assert obeys("short", CONTENT, "") is False
    assert obeys("translate", "Not of the grammar.", "x") is None
    assert obeys("short", "Nobody is named.", "x") is None
    assert obeys(None, pair.english, pair.japanese) is None


def test_sets_are_unseen_and_the_test_set_is_not_the_dev_set() -> None:
    unseen = {pair.english for pair in HELD_OUT}
    assert set(held_out("translate", 30)) <= unseen
    search = prompt_search_panel.search_of("translate", "pocket-base", "Japanese? {content}")
    assert not set(search.dev) & set(search.test)
    assert len(search.test) == prompt_search_panel.TEST
    assert "Japanese? {content}" in search.candidates
    assert (
        "{content} sings"
        not in prompt_search_panel.search_of(
            "translate", "pocket-base", "{content} sings"
        ).candidates
    )


def test_of_equal_candidates_the_shortest_is_chosen() -> None:
    rates = [Rate(right=2, total=4), Rate(right=3, total=4), Rate(right=3, total=4)]
    assert best(rates, ("a", "bbb", "cc")) == 2


def test_over_seeds_one_prompt_is_drawn_with_each_seed() -> None:
    chosen = Chosen(templates=COURSE[:1], contents=(CONTENT,), others={})
    base, chat, turn = success_panel.groups_of(chosen, "seeds", 10, 0.7, words("en"))
    assert [base.model, chat.model, turn.model] == [MODELS[0], MODELS[1], MODELS[1]]
    assert set(map(str, base.prompts)) == {prompt(COURSE[0], {"content": CONTENT})}
    assert isinstance(base.params, list)
    assert [p.seed for p in base.params] == list(range(10))
    assert turn.prompts[0] == [{"role": "user", "content": base.prompts[0]}]


def test_the_wish_stands_behind_the_problem_as_in_training() -> None:
    en, ja = sum_problems(2), sum_problems(2, ja=True)
    assert chain_of_thought.asked(en[0].question, "Go.", ja=False)[0]["content"].endswith("? Go.")
    assert chain_of_thought.asked(ja[0].question, "x", ja=True)[0]["content"].endswith("？x")


@pytest.mark.slow
def test_the_page_finds_what_the_card_says(lab: Lab) -> None:
    chosen = Chosen(templates=COURSE, contents=(CONTENT,), others={})
    groups = success_panel.groups_of(chosen, "set", 20, 1.0, words("en"))
    states = run(lab, groups, SamplingParams(max_new_tokens=40))
    assert states[-1] == (240, 240)
    assert all(a <= b for a, b in pairwise(states))

    def together(rows: list[Group]) -> Rate:
        return Rate(right=sum(g.right for g in rows), total=sum(len(g.said) for g in rows))

    name = "base against chat"
    base, chat, turns = together(groups[0::3]), together(groups[1::3]), groups[2::3]
    assert overlap(base, of_the_card(name, "base obeys the four prompts"))
    assert overlap(chat, of_the_card(name, "chat obeys the four prompts"))
    lines = ("translate", "translate, in the layout", "short sentence", "paraphrase")
    for group, line in zip(turns, lines, strict=True):
        assert overlap(group.rate, of_the_card("instruction + content", line)), line


@pytest.mark.slow
@pytest.mark.parametrize("ja", [False, True])
def test_thinking_step_by_step_gains(lab: Lab, ja: bool) -> None:
    wishes = (
        (chain_of_thought.AT_ONCE_JA, chain_of_thought.WORKED_JA)
        if ja
        else (chain_of_thought.AT_ONCE, chain_of_thought.WORKED)
    )
    groups = chain_of_thought.groups_of(sum_problems(40, ja=ja), wishes, words("en"))
    run(lab, groups, chain_of_thought.GREEDY)
    direct, worked = groups
    assert worked.rate.interval[0] - direct.rate.interval[1] > 0.3
    assert worked.new_tokens > direct.new_tokens
    if not ja:
        assert overlap(direct.rate, of_the_card("chain of thought", "`Answer at once.`"))
        assert overlap(worked.rate, of_the_card("chain of thought", "`Think step by step.`"))


@pytest.mark.slow
@pytest.mark.parametrize("task", prompt_search_panel.TASKS)
def test_a_search_finds_what_makes_the_base_model_do_a_task(lab: Lab, task: Task) -> None:
    search = prompt_search_panel.search_of(task, MODELS[0], COURSE[0])
    tried = [search.group(one, search.dev) for one in search.candidates]
    run(lab, tried, prompt_search_panel.GREEDY)
    won = search.candidates[best([g.rate for g in tried], search.candidates)]
    tested = [search.group(one, search.test) for one in (won, search.candidates[0])]
    run(lab, tested, prompt_search_panel.GREEDY)
    assert tested[0].rate.interval[0] > 0.5 > tested[1].rate.interval[1]


def test_exercise_1_wants_an_own_template_with_enough_right_answers() -> None:
    def done(template: str, right: int) -> Last:
        pairs = HELD_OUT[:4]
        chosen = Chosen(templates=(template,), contents=tuple(p.english for p in pairs), others={})
        last = grid_of(chosen)
        for group in last.groups:
            for i, pair in enumerate(pairs):
                text = pair.japanese if i < right else "?"
                group.said[i] = Generation(
                    text=text, steps=(), finish_reason="stop", prompt_tokens=0
                )
        return last

    own = "In Japanese, please: {content}"
    spaced = COURSE[0].replace(": ", ":  ")
    cases = (None, done(COURSE[0], 4), done(own, 2), done(own, 3), done(spaced, 4))
    found = [own_template(last, words("en")) for last in cases]
    assert [right for right, _, _ in found] == [False, False, False, True, False]
    hints = [hint for _, hint, _ in found[:3]]
    assert "Nothing has been asked" in hints[0]
    assert "one of the course's templates" in hints[1]
    assert "2 of 4" in hints[2]
    assert cases[3] is not None
    assert cases[3].said["pocket-chat", own, HELD_OUT[0].english] == HELD_OUT[0].japanese
