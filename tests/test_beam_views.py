"""The tree and the matrix as HTML: everything is in them, and nothing of a text becomes markup."""

import re
import time

import pytest

from backend.beams import BeamParams
from backend.lab import Lab
from backend.mbr import utilities
from backend.types import SamplingParams
from demo.searches import Line, line_of, searched
from demo.widgets.beam_tree import beam_tree_html, placed
from demo.widgets.beam_views import finished_html, parting, sides_html
from demo.widgets.mbr_matrix import Samples, mbr_html
from demo.words import LANGS, words

PROMPT = "Tell me a story about a dragon."
PARAMS = BeamParams(num_beams=3, max_new_tokens=12)
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("lang", LANGS)
async def test_every_hypothesis_is_drawn_and_listed(lab: Lab, lang: str) -> None:
    found = await searched(lab, PROMPT, PARAMS, model="pocket-chat", person="")
    tree = [node for step in found.steps for node in step.nodes]
    best = found.steps[-1].finished[0]
    html = beam_tree_html(found.steps, best.node, words(lang))  # type: ignore[arg-type]
    assert html.count('role="treeitem"') == len(tree)
    assert html.count("<li>") == len(tree) + len(found.steps)
    assert len(re.findall(r'class="node pruned"', html)) == sum(n.fate == "pruned" for n in tree)
    assert len(re.findall(r'class="node \w+ best"', html)) == len(best.ids)
    assert html.count('tabindex="0"') == 2  # one node, and the list
    assert f"{best.total:.2f}" in html
    sides = sides_html(found, words(lang))  # type: ignore[arg-type]
    assert f"{found.greedy.total:.3f}" in sides
    assert f"{found.beams[0].total:.3f}" in sides
    scored = finished_html(found, words(lang))  # type: ignore[arg-type]
    for hypothesis in found.steps[-1].finished:
        assert f"{hypothesis.score:.4f}" in scored


@pytest.mark.anyio
async def test_branches_of_one_parent_stand_together(lab: Lab) -> None:
    found = await searched(lab, PROMPT, PARAMS, model="pocket-base", person="")
    rows = placed(found.steps)
    for step in found.steps:
        order = sorted(step.nodes, key=lambda n: rows[n.number])
        assert [rows[n.number] for n in order] == list(range(len(order)))
        parents = [rows[n.parent] for n in order]
        assert parents == sorted(parents)


def evil_line(total: float) -> Line:
    return Line(ids=(1, 2), pieces=(EVIL, EVIL), logprobs=(total, 0.0), text=EVIL, ended=True)


def test_texts_stay_texts() -> None:
    lines = (evil_line(-1.0), evil_line(-2.0))
    samples = Samples(lines=lines, matrix=((100.0, 50.0), (50.0, 100.0)))
    assert "<img" not in mbr_html(samples, 2, words("en"))


def test_where_two_sequences_part() -> None:
    one = Line(ids=(1, 2, 3), pieces=("a",) * 3, logprobs=(0.0,) * 3, text="", ended=False)
    two = Line(ids=(1, 2), pieces=("a",) * 2, logprobs=(0.0,) * 2, text="", ended=False)
    three = Line(ids=(1, 9, 3), pieces=("a",) * 3, logprobs=(0.0,) * 3, text="", ended=False)
    assert parting(one, one) is None
    assert parting(one, two) == 2
    assert parting(one, three) == 1


def test_the_matrix_moves_with_n_in_under_100_ms(lab: Lab) -> None:
    drawn = SamplingParams(
        do_sample=True, seed=7, num_return_sequences=16, max_new_tokens=32, temperature=1.0
    )
    made = lab.generate(PROMPT, drawn)
    lines = tuple(line_of(lab, "pocket-chat", list(g.steps)) for g in made)
    samples = Samples(lines=lines, matrix=tuple(map(tuple, utilities([g.text for g in made]))))
    for n in (2, 9, 16):
        began = time.thread_time()
        html = mbr_html(samples, n, words("en"))
        assert time.thread_time() - began < 0.1
        means = [sum(row[:n]) / n for row in samples.matrix[:n]]
        assert f'data-winner="{means.index(max(means))}"' in html
        totals = [sum(step.logprob for step in g.steps) for g in made[:n]]
        assert samples.likeliest(n) == totals.index(max(totals))
        assert html.count("<td style=") == n * n
