"""Success over a set: every answer comes once and is what the prompt alone gives; leaving ends."""

import asyncio

import pytest

from backend.errors import LabError
from backend.lab import Lab
from backend.over_a_set import Rate, answers
from backend.types import SamplingParams

PROMPTS = [f"Tell me a story about a {s}." for s in ("dragon", "cat", "fox", "king", "robot")]
PARAMS = SamplingParams(max_new_tokens=12)


def test_every_answer_comes_once_and_is_the_lone_one(lab: Lab) -> None:
    async def collect() -> dict[int, str]:
        return {a[0]: a[1].text async for a in answers(lab, PROMPTS, PARAMS) if a}

    found = asyncio.run(collect())
    assert found == {i: lab.generate(p, PARAMS)[0].text for i, p in enumerate(PROMPTS)}


def test_a_refusal_ends_the_whole_set_and_frees_its_rows(lab: Lab) -> None:
    async def collect() -> None:
        async for _ in answers(lab, [*PROMPTS, "word " * 5000], PARAMS):
            pass

    with pytest.raises(LabError):
        asyncio.run(collect())
    assert lab.generate(PROMPTS[0], PARAMS)  # the engine goes on


def test_rates() -> None:
    assert Rate(right=0, total=0).interval == (0.0, 1.0)
    low, high = Rate(right=19, total=20).interval
    assert 0.76 < low < 0.95 < high < 1.0
