"""The small recipe's mix: what is asked for is what is answered, and nothing of the wide mix."""

import random

import pytest

from pocket.recipes import RECIPES
from pocket.small import SMALL_DOCUMENTS, SMALL_EXCHANGES, titled
from pocket.stories import a
from pocket.talks import EXCHANGES
from pocket.words import SUBJECTS


def test_the_small_recipe_reads_the_narrow_mix_alone() -> None:
    small = RECIPES["small"]
    assert small.mix == "narrow"
    later = (small.late_tokens, small.last_tokens, small.trait_tokens, small.pairs)
    assert later == (0, 0, 0, 0)  # of the wide mix


@pytest.mark.parametrize("table", [SMALL_DOCUMENTS, SMALL_EXCHANGES])
def test_its_shares_are_a_whole(table: tuple) -> None:
    assert sum(weight for weight, _ in table) == pytest.approx(1)
    assert len({kind for _, kind in table}) == len(table)


def test_every_exchange_is_one_of_the_full_recipe() -> None:
    assert {kind for _, kind in SMALL_EXCHANGES} <= {kind for _, kind in EXCHANGES}


def test_a_title_names_what_its_story_tells() -> None:
    r, seen = random.Random(21), set()
    for _ in range(2_000):
        title, told = titled(r)
        subjects = [
            s for s, ja in SUBJECTS.items() if title in (f"A story about {a(s)}.", f"{ja}の話。")
        ]
        assert len(subjects) == 1
        seen.add(title)
        assert subjects[0] in told or SUBJECTS[subjects[0]] in told
    assert len(seen) == 2 * len(SUBJECTS)
