"""The jobs that show where runs part, against transformers' own generate."""

import pytest
import torch
from transformers import GenerationConfig, set_seed

from backend.lab import Lab
from backend.library import library_generate
from backend.reproducibility import continued, divergence, of_steps, one_seed_for_a_list
from backend.types import SamplingParams

pytestmark = pytest.mark.slow
PROMPTS = ("Tell me a story about a dragon.", "Once upon a time")
DRAWN = SamplingParams(do_sample=True, temperature=0.9, top_p=0.95, seed=3, max_new_tokens=24)
Probs = dict[int, float]


def ids_of(lab: Lab) -> list[list[int]]:
    return [[r.id for r in lab.tokenize(text)] for text in PROMPTS]


def generated(lab: Lab, ids: list[int], params: SamplingParams) -> list[int]:
    """What plain `generate` appends, with the global generator as it stands."""
    loaded = lab.engine.model()
    row = torch.tensor([ids])
    options = {"temperature": params.temperature, "top_k": 0, "top_p": params.top_p}
    out = loaded.model.generate(  # type: ignore[operator]
        row,
        attention_mask=torch.ones_like(row),
        do_sample=params.do_sample,
        max_new_tokens=params.max_new_tokens,
        **(options if params.do_sample else {}),
    )
    return out[0, len(ids) :].tolist()


def chosen(run: list[Probs]) -> list[int]:
    return [next(iter(probs)) for probs in run]


def test_the_loop_is_generate(lab: Lab) -> None:
    for params in (DRAWN, SamplingParams(max_new_tokens=24)):
        for ids in ids_of(lab):
            generator = torch.Generator().manual_seed(3)
            [run] = lab.run(lambda m, i=ids, p=params, g=generator: continued(m, i, p, g))
            set_seed(3)
            assert chosen(run) == generated(lab, ids, params)  # type: ignore[arg-type]


def test_one_seed_for_a_list_is_set_seed_once(lab: Lab) -> None:
    for order in (ids_of(lab), ids_of(lab)[::-1]):
        runs = list(lab.run(lambda m, o=order: one_seed_for_a_list(m, o, DRAWN)))
        set_seed(3)
        assert [chosen(run) for run in runs] == [generated(lab, ids, DRAWN) for ids in order]  # type: ignore[arg-type]
    first, second = ids_of(lab)
    [_, late] = lab.run(lambda m: one_seed_for_a_list(m, [second, first], DRAWN))
    [early, _] = lab.run(lambda m: one_seed_for_a_list(m, [first, second], DRAWN))
    assert chosen(late) != chosen(early)  # type: ignore[arg-type]  # errata 22


def test_the_record_of_the_loop_is_the_engines(lab: Lab) -> None:
    ids = ids_of(lab)[0]
    [engine] = lab.generate(PROMPTS[0], DRAWN)
    generator = torch.Generator().manual_seed(3)
    [run] = lab.run(lambda m: continued(m, ids, DRAWN, generator))
    assert divergence(of_steps(engine.steps), run) is None  # type: ignore[arg-type]
    for step, probs in zip(engine.steps, run):  # type: ignore[call-overload]
        assert probs[step.token_id] == pytest.approx(step.prob, abs=1e-4)
        assert sum(probs.values()) <= 1.001


def test_divergence_gives_both_tokens_in_both_runs() -> None:
    a = [{1: 0.9, 2: 0.1}, {3: 0.5, 4: 0.5}, {5: 1.0}]
    b = [{1: 0.8, 2: 0.2}, {4: 0.6, 3: 0.0}, {6: 1.0}]
    found = divergence(a, b)
    assert found is not None
    assert (found.position, found.ids) == (1, (3, 4))
    assert found.probs_a == (0.5, 0.5)
    assert found.probs_b == (0.0, 0.6)
    assert divergence(a, a) is None
    ended = divergence(a, a[:2])
    assert ended is not None
    assert (ended.position, ended.ids, ended.probs_b) == (2, (5, None), (None, None))


def test_the_librarys_generate_runs_as_a_job(lab: Lab) -> None:
    ids, loaded = ids_of(lab)[0], lab.engine.model()
    beam = {"do_sample": False, "num_beams": 4, "num_return_sequences": 3, "max_new_tokens": 12}
    [rows] = lab.run(lambda m: library_generate(m, ids, **beam))
    row = torch.tensor([ids])
    want = loaded.model.generate(row, attention_mask=torch.ones_like(row), **beam)  # type: ignore[operator]
    assert rows == want[:, len(ids) :].tolist()
    assert isinstance(loaded.model.generation_config, GenerationConfig)
    with pytest.raises(ValueError, match="num_return_sequences"):
        list(lab.run(lambda m: library_generate(m, ids, num_return_sequences=3, max_new_tokens=2)))


def test_others_go_on_while_the_library_generates_and_it_can_be_left(lab: Lab) -> None:
    ids = ids_of(lab)[0]
    loaded = lab.engine.model()
    turns = library_generate(loaded, ids, num_beams=4, max_new_tokens=60)
    assert [next(turns) for _ in range(3)] == [None] * 3  # one forward each, by hand
    turns.close()  # type: ignore[attr-defined]
    assert lab.generate(PROMPTS[0], SamplingParams(max_new_tokens=2))
