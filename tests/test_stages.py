"""`stages`: transformers' processors step by step, and the figures of the course's ten words."""

import math
import random

import pytest
import torch
from transformers.generation.logits_process import (
    EpsilonLogitsWarper,
    LogitsProcessor,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from backend.errors import LabError
from backend.sampling import STEPS, stages
from backend.types import SamplingParams, Stage
from demo.ten_words import PRINTED, TEN_WORDS


def processors(params: SamplingParams, n: int) -> dict[str, LogitsProcessor]:
    """Make transformers' own processor of each setting that is on."""
    made: dict[str, LogitsProcessor] = {"temperature": TemperatureLogitsWarper(params.temperature)}
    if params.top_k > 0:
        made["top_k"] = TopKLogitsWarper(min(params.top_k, n))
    if params.top_p < 1:
        made["top_p"] = TopPLogitsWarper(params.top_p)
    if params.min_p:
        made["min_p"] = MinPLogitsWarper(params.min_p)
    if params.typical_p < 1:
        made["typical_p"] = TypicalLogitsWarper(params.typical_p)
    if params.epsilon_cutoff:
        made["epsilon_cutoff"] = EpsilonLogitsWarper(params.epsilon_cutoff)
    return made


def some_params(r: random.Random) -> SamplingParams:
    return SamplingParams(
        do_sample=True,
        temperature=r.choice([0.1, 0.5, 0.7, 1, 1, 1.5, 10, 100, r.uniform(0.05, 5)]),
        top_k=r.choice([0, 0, 1, 3, 5, 40, 9999]),
        top_p=r.choice([1.0, 0.999, 0.9, 0.8, 0.5, 0.1, 1e-6, r.uniform(0.01, 1)]),
        min_p=r.choice([0, 0, 0.01, 0.2, 0.9, r.random()]),
        typical_p=r.choice([1.0, 1.0, 0.95, 0.5, 0.01, r.uniform(0.01, 1)]),
        epsilon_cutoff=r.choice([0, 0, 0.0003, 0.02, 0.3, r.random()]),
    )


def some_probabilities(r: random.Random) -> dict[str, float]:
    n = r.choice([1, 2, 3, 10, 10, 200])
    weights = [r.choice([r.random(), r.random() ** 8, r.expovariate(1), 1.0]) for _ in range(n)]
    if r.random() < 0.2:
        weights = [round(weight, 1) + 0.1 for weight in weights]  # many ties
    if n > 3 and r.random() < 0.2:
        weights[1] = 0.0
    return {f"w{i}": weight / math.fsum(weights) for i, weight in enumerate(weights)}


@pytest.mark.parametrize("block", range(10))
def test_thousand_distributions_equal_transformers_step_by_step(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        r = random.Random(seed)
        words, params = some_probabilities(r), some_params(r)
        order = list(STEPS)
        if seed % 3 == 0:
            r.shuffle(order)
        own = processors(params, len(words))
        scores = torch.tensor([list(words.values())]).log()
        found = stages(words, params, order=order)
        assert [stage.name for stage in found] == ["given", *order]
        assert_same(found[0], scores, seed)
        for stage in found[1:]:
            before = scores.softmax(-1)[0]
            if stage.name in own:
                scores = own[stage.name](None, scores)  # type: ignore[arg-type]
            after = assert_same(stage, scores, seed)
            cut = stage.name != "temperature"  # what temperature makes underflow is not removed
            gone = before[(after == 0) & (before > 0)].sum().item() if cut else 0
            assert stage.removed_mass == pytest.approx(gone, abs=1e-6)


def assert_same(stage: Stage, scores: torch.Tensor, seed: int) -> torch.Tensor:
    want = scores.softmax(-1)[0]
    got = torch.tensor(list(stage.probabilities.values()))
    assert torch.equal(got == 0, want == 0), (seed, stage.name)
    assert torch.allclose(got, want, atol=1e-7), (seed, stage.name)
    bits = -sum(p * math.log2(p) for p in want.tolist() if p > 0)
    assert stage.entropy == pytest.approx(bits, abs=1e-5)
    return want


def last(order: tuple[str, ...] = STEPS, **settings: float) -> dict[str, float]:
    params = SamplingParams(do_sample=True, **settings)  # type: ignore[arg-type]
    return dict(stages(TEN_WORDS, params, order=order)[-1].probabilities)


def kept(**settings: float) -> list[str]:
    return [word for word, p in last(**settings).items() if p > 0]


def digits(table: dict[str, float]) -> str:
    return " ".join(f"{p:.3f}"[1:] for p in table.values() if p > 0)


def printed_digits(temperature: float, word: str) -> int:
    """Return to how many decimals the course printed a number, its trailing zeros left out."""
    return len(str(dict(zip(TEN_WORDS, PRINTED[temperature]))[word])) - 2


def test_the_courses_words_add_up_to_one() -> None:  # row 17
    assert math.fsum(TEN_WORDS.values()) == pytest.approx(1, abs=1e-12)
    assert list(TEN_WORDS)[:3] == ["the", "a", "dragon"]


def test_top_k_3() -> None:  # row 18
    assert kept(top_k=3) == ["the", "a", "dragon"]
    assert digits(last(top_k=3)) == ".417 .333 .250"


def test_ancestral_removes_nothing() -> None:  # row 19
    found = stages(TEN_WORDS, SamplingParams(do_sample=True))
    assert all(stage.removed_mass == 0 for stage in found)
    assert found[-1].probabilities == pytest.approx(TEN_WORDS, abs=1e-7)


def test_epsilon() -> None:  # row 20, errata 16
    left = last(epsilon_cutoff=0.05)
    assert [word for word, p in left.items() if p == 0] == ["into", "flames", "darkness"]
    assert digits(left).startswith(".275")
    assert digits(left).endswith(".066")
    assert kept(epsilon_cutoff=0.3) == ["the"]
    assert len(kept(epsilon_cutoff=0.11)) == 3
    assert len(kept(epsilon_cutoff=0.11, top_p=0.8)) == 4
    assert len(kept(epsilon_cutoff=0.05, temperature=10)) == 10


def test_top_p_renormalised() -> None:  # row 21
    params = SamplingParams(do_sample=True, top_p=0.8)
    stage = {s.name: s for s in stages(TEN_WORDS, params)}["top_p"]
    left = {word: p for word, p in stage.probabilities.items() if p > 0}
    assert digits(left) == ".294 .235 .176 .118 .094 .082"
    assert stage.removed_mass == pytest.approx(0.15)
    assert sum(round(p, 3) for p in left.values()) == pytest.approx(0.999)


@pytest.mark.parametrize(  # rows 22 to 25, errata 11b
    ("temperature", "exact", "n_kept", "to"),
    [
        (1.0, ".250 .200 .150 .100 .080 .070 .060 .040 .030 .020", 6, "and"),
        (0.5, ".409 .262 .147 .065 .042 .032 .024 .010 .006 .003", 3, "dragon"),
        (1.5, ".195 .168 .139 .106 .091 .084 .075 .058 .048 .036", 7, "castle"),
        (10.0, ".112 .110 .107 .103 .100 .099 .097 .094 .091 .087", 8, "into"),
    ],
)
def test_temperature(temperature: float, exact: str, n_kept: int, to: str) -> None:
    assert digits(last(temperature=temperature)) == exact
    words = kept(temperature=temperature, top_p=0.8)
    assert len(words) == n_kept
    assert words[-1] == to


def test_the_hand_made_temperature_of_the_course() -> None:  # row 26, its line 793
    want = [0.1952, 0.1683, 0.1389, 0.1060, 0.0913, 0.0836, 0.0754, 0.0575, 0.0475, 0.0363]
    assert list(last(temperature=1.5).values()) == pytest.approx(want, abs=6e-5)


def test_what_the_course_printed() -> None:  # errata 11b
    sums = {t: round(sum(row), 3) for t, row in PRINTED.items()}
    assert sums == {0.5: 1.001, 1.5: 1.008, 10.0: 1.022}
    exact = last(temperature=0.5)
    assert (round(exact["flew"], 3), round(exact["flames"], 3)) == (0.065, 0.006)
    printed = dict(zip(TEN_WORDS, PRINTED[0.5]))
    assert (printed["flew"], printed["flames"]) == (0.07, 0.01)
    wrong = [
        (t, word)
        for t, row in PRINTED.items()
        for (word, p), digits_printed in zip(last(temperature=t).items(), row)
        if round(p, printed_digits(t, word)) != digits_printed
    ]
    assert wrong == []  # each is right to its own digits, but these are one, two or three
    assert (last(temperature=10)["flames"], printed_digits(10.0, "flames")) == (
        pytest.approx(0.0909, abs=1e-4),
        1,  # to two, as its neighbour, it is .09
    )


def test_orders() -> None:  # errata 16
    assert len(kept(top_k=5)) == 5
    assert len(kept(top_p=0.8)) == 6
    assert len(kept(top_k=5, top_p=0.8)) == 4
    p_first = ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff")
    assert sum(p > 0 for p in last(p_first, top_k=5, top_p=0.8).values()) == 5


def test_tiny_settings_are_greedy() -> None:  # errata 24, line 806
    assert last(top_p=0.001, temperature=0.001)["the"] == 1


@pytest.mark.parametrize(
    "wrong",
    [{}, {"a": 0.5}, {"a": 1.2}, {"a": -0.1, "b": 1.1}, {"a": "1"}, {"a": True}, {1: 1.0}, [1.0]],
)
def test_what_is_no_distribution_is_refused(wrong: object) -> None:
    with pytest.raises(LabError) as caught:
        stages(wrong, SamplingParams())  # type: ignore[arg-type]
    assert caught.value.values["field"] == "probabilities"
    assert caught.value.values["allowed"]


def test_a_rounded_table_is_taken_and_normalised() -> None:
    first = stages({"a": 0.333, "b": 0.333, "c": 0.333}, SamplingParams())[0]
    assert sum(first.probabilities.values()) == pytest.approx(1)
