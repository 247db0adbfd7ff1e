"""SamplingParams takes what the contract allows and names field, value and range otherwise."""

import pytest

from backend.errors import LabError
from backend.types import SamplingParams

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("temperature", v) for v in (0, -1, 100.5, 10**400, NAN, INFINITY, "1", None, True, [1])],
        *[("top_p", v) for v in (0, 2, -0.1, 1.0001, NAN, "x", None, False)],
        *[("top_k", v) for v in (-1, 2.5, "3", None, True, NAN)],
        *[("epsilon_cutoff", v) for v in (1, -0.1, 1.5, NAN, "x", None)],
        *[("min_p", v) for v in (1, -0.1, NAN, "x", None)],
        *[("typical_p", v) for v in (0, 1.1, NAN, "x", None)],
        *[("max_new_tokens", v) for v in (0, -5, 1.5, "many", None, True)],
        *[("num_return_sequences", v) for v in (0, -1, 2.5, None, 4097, 10**400)],
        *[("seed", v) for v in (-1, 2**32, 1.5, "7", True)],
        *[("num_alternatives", v) for v in (-1, 51, None)],
        *[("do_sample", v) for v in (1, "yes", None)],
        *[("stop", v) for v in (3, [""], [1], ["x" * 201], ["a"] * 17)],
    ],
)
def test_wrong_value_is_named(field: str, value: object) -> None:
    with pytest.raises(LabError) as caught:
        SamplingParams(**{"do_sample": True, field: value})  # type: ignore[arg-type]
    assert caught.value.values["field"] == field
    assert caught.value.values["allowed"]
    assert field in str(caught.value)


def test_temperature_zero_points_to_greedy() -> None:
    with pytest.raises(LabError, match="do_sample to false") as caught:
        SamplingParams(do_sample=True, temperature=0)
    assert caught.value.code == "temperature_zero"


def test_several_greedy_sequences_are_refused() -> None:
    with pytest.raises(LabError) as caught:
        SamplingParams(num_return_sequences=2)
    assert caught.value.code == "greedy_sequences"


def test_integers_pass_where_floats_are_meant() -> None:
    params = SamplingParams(do_sample=True, temperature=10, top_p=1, epsilon_cutoff=0, top_k=3.0)
    assert (params.temperature, params.top_p, params.top_k) == (10.0, 1.0, 3)
    assert isinstance(params.top_k, int)


def test_edges_are_allowed() -> None:
    params = SamplingParams(do_sample=True, temperature=100, seed=2**32 - 1, stop="###")
    assert params.stop == ("###",)
    assert SamplingParams(seed=0).seed == 0


def test_fresh_seeds_are_reported_and_differ() -> None:
    seeds = {SamplingParams().seed for _ in range(20)}
    assert len(seeds) == 20
    assert None not in seeds
