"""What a request that went wrong leaves behind: nothing for those beside it, nor for the next."""

from dataclasses import replace

import pytest
import torch

from backend.batch import Batch
from backend.errors import LabError
from backend.lab import Lab
from backend.models import LoadedModel
from tests.test_bad_rows import PROMPT, alone, ids, loaded, run, three, ticket  # noqa: F401

LONG = " ".join([PROMPT] * 115)


def poison(batch: Batch, rows: list) -> None:
    """Make the numbers of rows unsound, as an overflow in half precision would."""
    for row in rows:
        for tensor in (*row.slots.cache.keys, *row.slots.cache.values):
            tensor[row.slots.rows.index(row), :, : row.length] = torch.nan


def sound(batch: Batch) -> bool:
    caches = [slots.cache for slots in batch._slots.values()]
    return all(t.isfinite().all() for cache in caches for t in (*cache.keys, *cache.values))


def test_a_newcomer_that_the_model_cannot_run(loaded: LoadedModel, alone: list) -> None:  # noqa: F811
    batch, (one, bad, other) = Batch(loaded), three(loaded)
    batch.join(one)
    batch.join(other)
    while batch._went_first or not other.output_tokens:
        batch.step()
    bad.ids[-1] = loaded.info.vocab_size  # it has a step to itself, and no embedding
    batch.join(bad)
    [(failed, error)] = [pair for turn in run(batch) for pair in turn.failed]
    assert failed is bad
    assert isinstance(error, IndexError)
    assert (ids(one), ids(other)) == (alone[0], alone[2])


def test_a_token_that_the_tokenizer_has_and_the_model_has_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = lab.engine.model().info.vocab_size
    monkeypatch.setattr(LoadedModel, "encode", lambda *_: [5, size])
    with pytest.raises(LabError) as caught:
        lab.generate(PROMPT)
    assert caught.value.code == "no_embedding"
    assert caught.value.values["value"] == size


def test_no_slot_keeps_what_is_not_a_number(loaded: LoadedModel, alone: list) -> None:  # noqa: F811
    batch = Batch(loaded)
    others = [ticket(loaded, 1) for _ in range(5)]
    bad = [ticket(loaded, 2, n=3), ticket(loaded, 4)]  # both at once, the last row among theirs
    for one in (*others, *bad):
        batch.join(one)
    with torch.inference_mode():
        while not all(one.output_tokens for one in bad):
            batch.step()
        poison(batch, [row for one in bad for row in one.rows])
        failed = []
        while len(failed) < len(bad):
            failed += [one for one, _ in batch.step().failed]
    assert set(failed) == set(bad)
    assert sound(batch)
    later = [ticket(loaded, 1) for _ in range(3)]  # into the slots that are free
    for one in later:
        batch.join(one)
    assert not [turn.failed for turn in run(batch) if turn.failed]
    assert [ids(one) for one in (*others, *later)] == [alone[0]] * 8


def test_nor_where_its_reader_leaves_before_its_end_is_read(loaded: LoadedModel) -> None:  # noqa: F811
    batch, running = Batch(loaded), ticket(loaded, 1)
    running.request = replace(  # it stays, in the same bucket, and the storage with it
        running.request, params=replace(running.request.params, max_new_tokens=300)
    )
    long = ticket(loaded, 2, prompt=LONG)
    batch.join(running)
    batch.join(long)
    with torch.inference_mode():
        while not long.read:
            batch.step()
        beside = ticket(loaded, 3, prompt=LONG)
        batch.join(beside)
        batch.step()
        poison(batch, long.rows)
        batch.leave(long)
    assert sound(batch)
