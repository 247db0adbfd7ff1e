"""What the samples half shows: where texts part, bytes, escaping, readings, the shared sweep."""

import asyncio
import dataclasses
import statistics

import pytest

from backend.diversity import self_bleu
from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams, TokenStep
from demo.widgets.pairs import COMPARISONS, pair_of_runs
from demo.widgets.sample_views import columns, nested, parts_at, pieces
from demo.widgets.self_bleu_view import measure, scores_html, traps_html
from demo.widgets.sweep import TEMPERATURES, TOP_PS, Cell, cell_of, generated
from demo.widgets.sweep_views import RECORDED, grid_html, place, recorded_html
from demo.words import words

pytestmark = pytest.mark.slow
PROMPT = "Tell me a story about a dragon."
PARAMS = SamplingParams(
    do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=30, num_return_sequences=3
)


def step(token_id: int, data: bytes, piece: str = "", reason: str | None = None) -> TokenStep:
    return TokenStep(
        row=0,
        token_id=token_id,
        text="",
        piece=piece or data.decode(errors="replace"),
        data=data,
        logprob=-1.0,
        prob=0.5,
        finish_reason=reason,  # type: ignore[arg-type]
    )


def bytes_of(text: bytes) -> list[TokenStep]:
    return [step(100 + b, bytes([b]), f"<0x{b:02X}>") for b in text]


def test_where_two_texts_part() -> None:
    a = [step(1, b"a"), step(2, b" b"), step(3, b" c")]
    assert parts_at(a, a) is None
    assert parts_at(a, [*a[:1], step(9, b" z")]) == 1
    assert parts_at(a, a[:2]) == 2
    assert parts_at([], a) == 0
    shown = columns([a, [a[0], step(9, b" z"), a[2]], a], words("en"), done=True)
    assert '<span class="shared">a</span> <mark>z</mark> c' in shown
    assert "parts from text 1 at token 2" in shown
    assert shown.count('class="twin"') == 1


def test_bytes_become_a_character_or_are_shown_as_bytes() -> None:
    whole = [step(1, b"x"), *bytes_of("竜".encode())]
    assert pieces(whole) == [(0, "x", False), (1, "竜", False)]
    broken = [*bytes_of("竜".encode()[:2]), step(1, b"x")]
    assert pieces(broken) == [(0, "E7 AB", True), (2, "x", False)]
    assert '<code class="bytes">E7 AB</code>' in columns([broken, whole], words("en"), done=True)


def test_everything_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    rows = [[step(1, evil.encode(), reason="stop")], [step(2, b"fine")]]
    for html in (columns(rows, words("en"), done=True), nested(evil, [evil], words("en"))):
        assert "<img" not in html
        assert "&lt;img" in html


def test_the_measured_readings_are_self_bleus(lab: Lab) -> None:
    made = lab.generate(PROMPT, PARAMS)
    texts = [g.text for g in made]
    found = measure(PROMPT, texts, [g.steps for g in made])
    kept = [(PROMPT + text).strip() for text in texts]
    assert found.scores[False, "first"] == self_bleu(kept, references="first", tokenize="13a")
    assert found.self_bleu == statistics.fmean(self_bleu([t.strip() for t in texts]))
    steps = [s for g in made for s in g.steps]
    assert found.logprob == pytest.approx(statistics.fmean(s.logprob for s in steps))
    table = scores_html(found, words("ja"))
    assert f"<b>{found.self_bleu:.2f}</b>" in table
    assert f"<dd>{len(texts)}</dd>" in table
    traps = traps_html(found, words("en"))
    assert "N = 3" in traps
    assert '<span class="n">0.00</span>' in traps  # Japanese read with 13a


def test_a_cell_is_lab_generate_and_forty_askers_cost_one_run(lab: Lab) -> None:
    params = dataclasses.replace(PARAMS, seed=41, num_alternatives=0)

    async def main() -> list[Cell]:
        return await asyncio.gather(*(cell_of(lab, PROMPT, "", params, f"p{i}") for i in range(40)))

    before = lab.cells.runs
    found = asyncio.run(main())
    assert lab.cells.runs == before + 1
    assert all(cell is found[0] for cell in found)
    assert [g.text for g in found[0].generations] == [g.text for g in lab.generate(PROMPT, params)]
    asyncio.run(cell_of(lab, PROMPT, "pocket-chat", params, "late"))  # named or not: one model
    assert lab.cells.runs == before + 1
    asyncio.run(cell_of(lab, PROMPT, "", dataclasses.replace(params, seed=42), "p"))
    assert lab.cells.runs == before + 2


def test_leaving_a_run_frees_its_rows(lab: Lab) -> None:
    from tests.test_scheduler import until

    long = dataclasses.replace(PARAMS, temperature=100.0, top_p=1.0, max_new_tokens=512)

    async def main() -> None:
        task = asyncio.create_task(cell_of(lab, PROMPT, "", long, ""))
        while not lab.status().active_rows:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert until(lambda: lab.status().active_rows == 0)


def test_the_pictures_say_their_numbers(lab: Lab) -> None:
    cell = asyncio.run(cell_of(lab, PROMPT, "", PARAMS, ""))
    grid = grid_html({1: cell}, TEMPERATURES, TOP_PS, words("en"))
    assert grid.count("data-cell=") == 1
    assert grid.count('class="hole"') == 15
    assert f"{cell.self_bleu:.1f} / {cell.logprob:.2f}" in grid
    assert place(0, 0)[0] < place(100, 0)[0]
    assert place(0, -1)[1] > place(0, 0)[1]
    assert place(0, -99) == place(0, -12)
    table = recorded_html({0: cell}, words("ja"))
    for row in RECORDED:
        assert f"{row.printed:.2f}" in table
    assert f'<td class="new">{cell.self_bleu:.2f}</td>' in table
    assert 0 <= cell.one_left <= 1


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_inspectors_pairs(lab: Lab, name: str) -> None:
    from backend.reproducibility import divergence

    one = dataclasses.replace(PARAMS, num_return_sequences=1)
    a, b = asyncio.run(pair_of_runs(lab, name, PROMPT, "", one, ""))  # type: ignore[arg-type]
    [alone] = asyncio.run(generated(lab, PROMPT, "", one, ""))
    assert [next(iter(at)) for at in a] == [s.token_id for s in alone.steps]
    if name in ("twice", "list_own"):
        assert divergence(a, b) is None
    if name == "list_global":
        assert divergence(a, b) is not None
    if name == "precision":
        assert lab.status().current == "pocket-chat"
        assert {m.precision for m in lab.status().models} == {"fp32"}


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize(
    ("prompt", "most", "code"),
    [
        (PROMPT, 10**6, "too_many_new_tokens"),
        ("a dragon " * 3000, 3, "context_exceeded"),
    ],
)
def test_the_inspector_takes_what_a_request_may_be(
    lab: Lab, name: str, prompt: str, most: int, code: str
) -> None:
    asked = SamplingParams(do_sample=True, seed=7, max_new_tokens=most)
    with pytest.raises(LabError) as error:
        asyncio.run(pair_of_runs(lab, name, prompt, "", asked, ""))  # type: ignore[arg-type]
    assert error.value.code == code


def test_a_sweep_counts_by_its_prompt_and_a_run_by_its_texts(lab: Lab) -> None:
    made = lab.generate(PROMPT, PARAMS)
    texts, rows = ["竜の森です。", "竜の町です。"], [g.steps for g in made[:2]]
    assert measure(PROMPT, texts, rows).tokenizer == "char"
    assert measure(PROMPT, texts, rows, tokenizer="13a").self_bleu == 0
    wild = dataclasses.replace(PARAMS, temperature=50.0, top_p=1.0)
    cell = asyncio.run(cell_of(lab, PROMPT, "", wild, ""))
    assert cell.measured is None or cell.measured.tokenizer == "13a"
    grid = grid_html({0: cell}, TEMPERATURES, TOP_PS, words("en"))
    assert "N = 3, tokenizer 13a" in grid or cell.measured is None
