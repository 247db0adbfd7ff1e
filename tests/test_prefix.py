"""Prompts that begin alike are read once, and the texts stay those of each alone."""

import pytest

from backend.batch import Batch
from backend.lab import Lab
from backend.models import LoadedModel
from backend.prefix import LEAST, shared
from backend.rows import Ticket
from tests.test_bad_rows import PROMPT, ids, run, ticket

LONG = " ".join([PROMPT] * 20)


@pytest.fixture(scope="module")
def loaded(lab: Lab) -> LoadedModel:
    return lab.engine.model()


@pytest.mark.parametrize("n", [0, LEAST - 1, LEAST, LEAST + 1, 99, 100])
def test_shared(n: int) -> None:
    a = list(range(100))
    b = [*a[:n], *(-1 for _ in range(100 - n))]
    assert shared(a, b) == shared(b, a) == (n if n >= LEAST else 0)
    assert shared(a, a[:n]) == (n if n >= LEAST else 0)


def hot(loaded: LoadedModel, seed: int, prompt: str, n: int = 1) -> Ticket:
    """A request that does not end at once, whatever the prompt."""
    return ticket(loaded, seed, prompt=prompt, n=n, temperature=100)


def alone(loaded: LoadedModel, seed: int, prompt: str, n: int = 1) -> list[tuple[int, int]]:
    batch, one = Batch(loaded), hot(loaded, seed, prompt, n)
    batch.join(one)
    run(batch)
    return ids(one)


def pieces(batch: Batch, of: list[Ticket]) -> dict[Ticket, int]:
    """Run to the end; return how many tokens of each prompt went through the model."""
    read = dict.fromkeys(of, 0)
    forward = batch._forward._logits

    def counted(parts: list):  # type: ignore[no-untyped-def]
        for part in parts:
            if part.ticket:
                read[part.ticket] += len(part.ids)
        return forward(parts)

    batch._forward._logits = counted  # type: ignore[method-assign]
    run(batch)
    return read


def test_a_class_that_presses_at_once_reads_once(loaded: LoadedModel) -> None:
    batch = Batch(loaded)
    tickets = [hot(loaded, seed, LONG, 1 + seed % 2) for seed in range(5)]
    for one in tickets:
        batch.join(one)
    read = pieces(batch, tickets)
    assert list(read.values()) == [len(tickets[0].ids), 1, 1, 1, 1]
    for seed, one in enumerate(tickets):
        assert ids(one) == alone(loaded, seed, LONG, 1 + seed % 2)


def test_the_rest_of_another_prompt_is_read_in_another_bucket(loaded: LoadedModel) -> None:
    batch, longer = Batch(loaded), LONG + " " + " ".join(["Hello."] * 70)
    first, second = hot(loaded, 1, LONG), hot(loaded, 2, longer)
    batch.join(first)
    batch.step()
    batch.join(second)
    read = pieces(batch, [first, second])
    assert first.rows == second.rows == []
    same = shared(first.ids, second.ids)
    assert same >= len(first.ids) - 1
    assert read[second] == len(second.ids) - same
    assert ids(second) == alone(loaded, 2, longer)


def test_who_leaves_while_it_reads_keeps_nobody_waiting(loaded: LoadedModel) -> None:
    batch, very_long = Batch(loaded), " ".join([PROMPT] * 115)
    running = hot(loaded, 9, PROMPT)
    batch.join(running)
    batch.step()
    first, second = (hot(loaded, seed, very_long) for seed in (1, 2))
    batch.join(first)
    batch.join(second)
    for _ in range(3):
        batch.step()
    assert 0 < first.read < len(first.ids)
    assert second.read == 0
    batch.leave(first)
    run(batch)
    assert ids(second) == alone(loaded, 2, very_long)


def test_short_prompts_are_simply_read(loaded: LoadedModel) -> None:
    batch = Batch(loaded)
    tickets = [ticket(loaded, seed, prompt="Hello.") for seed in range(3)]
    assert len(tickets[0].ids) < LEAST
    for one in tickets:
        batch.join(one)
    assert list(pieces(batch, tickets).values()) == [len(tickets[0].ids)] * 3
