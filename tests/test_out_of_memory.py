"""Memory that runs out in mid-class: one is retired with a message, the others end as if alone."""

import json
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from backend import kv_cache, models, row_faults
from backend.errors import LabError
from backend.forward import Forward, Part
from backend.lab import Lab
from backend.models import LoadedModel
from backend.settings import Settings
from backend.types import SamplingParams
from tests.test_bad_rows import PROMPT, alone, ids, joined, loaded, run  # noqa: F401  # fixtures
from tests.test_scheduler import until

pytestmark = pytest.mark.slow


def told(error: BaseException | None) -> LabError:
    """Check that an error is the message, and holds no frame that would hold tensors."""
    assert isinstance(error, LabError)
    assert error.code == "out_of_memory"
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


class Full:
    """A forward's logits on a card that has no room for what `refuses`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuses) -> None:  # type: ignore[no-untyped-def]
        self.held: list[weakref.ref] = []
        whole = Forward._logits

        def logits(forward: Forward, parts: Sequence[Part]) -> torch.Tensor:
            if refuses(parts):
                activations = torch.ones(10)  # what the frame of the failure holds
                self.held.append(weakref.ref(activations))
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 86.00 MiB")
            return whole(forward, parts)

        monkeypatch.setattr(Forward, "_logits", logits)


def test_the_row_that_finds_no_room_is_retired(
    loaded: LoadedModel,  # noqa: F811
    alone: list,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, tickets = joined(loaded)
    bad = tickets[1]
    full = Full(monkeypatch, lambda parts: any(r.ticket is bad for p in parts for r in p.rows))
    turns = run(batch)
    [(failed, error)] = [pair for turn in turns for pair in turn.failed]
    assert failed is bad
    told(error)
    assert (ids(tickets[0]), ids(tickets[2])) == (alone[0], alone[2])
    assert full.held
    assert not any(ref() is not None for ref in full.held)  # without a collection


def test_together_they_are_too_many(
    loaded: LoadedModel,  # noqa: F811
    alone: list,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, tickets = joined(loaded)
    for n, ticket in enumerate(tickets):
        ticket.admitted_s = float(n)
    Full(monkeypatch, lambda parts: sum(len(part.rows) for part in parts) > 3)
    turns = run(batch)
    [(failed, error)] = [pair for turn in turns for pair in turn.failed]
    assert failed is tickets[2]  # the last to come
    told(error)
    assert [ids(ticket) for ticket in tickets[:2]] == alone[:2]


def test_where_nobody_fits_they_go_one_by_one(
    loaded: LoadedModel,  # noqa: F811
    alone: list,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, tickets = joined(loaded)
    for n, ticket in enumerate(tickets):
        ticket.admitted_s = float(n)
    late = tickets[2]
    while batch.reads:  # one prompt for all: who waits to copy it is in no forward
        batch.step()
    Full(monkeypatch, lambda parts: bool(late.rows))  # nothing fits until it has gone
    turns = run(batch)
    assert [bad for turn in turns for bad, _ in turn.failed] == [late]
    assert [ids(ticket) for ticket in tickets[:2]] == alone[:2]


@pytest.mark.parametrize("layer", [0, 4])
def test_a_cache_that_cannot_grow_retires_who_came_last(
    loaded: LoadedModel,  # noqa: F811
    alone: list,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    layer: int,
) -> None:
    batch, tickets = joined(loaded)
    late = tickets.pop()
    batch.leave(late)
    for _ in range(3):
        batch.step()
    late.admitted_s, late.read = 1.0, 0
    batch.join(late)
    made, whole = [], torch.zeros

    def zeros(*args, **options):  # type: ignore[no-untyped-def]
        made.append(1)
        if late.rows and len(made) > layer:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(*args, **options)

    monkeypatch.setattr(kv_cache.torch, "zeros", zeros)
    turns = run(batch)
    [(failed, error)] = [pair for turn in turns for pair in turn.failed]
    assert failed is late
    told(error)
    assert [ids(ticket) for ticket in tickets] == alone[:2]


def test_the_lab_counts_it_and_goes_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.engine.model()
    before = lab.status()
    text = lab.generate(PROMPT, SamplingParams(max_new_tokens=8))[0].text
    Full(monkeypatch, lambda parts: True)
    with pytest.raises(LabError) as raised:
        lab.generate(PROMPT, SamplingParams(max_new_tokens=8))
    told(raised.value)
    monkeypatch.undo()
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=8))[0].text == text
    now = lab.status()
    assert now.oom_total == before.oom_total + 1
    assert now.restarts_total == before.restarts_total
    assert 'outcome="oom"' in lab.metrics_text()[0].decode()
    assert until(lambda: not lab.status().kv_cache_bytes)


def test_a_job_gives_its_memory_back(lab: Lab) -> None:
    held: list[weakref.ref] = []

    def greedy(loaded: LoadedModel) -> Iterator[None]:  # noqa: F811
        mine = torch.ones(10)
        held.append(weakref.ref(mine))
        yield None
        raise torch.OutOfMemoryError("CUDA out of memory")

    before = lab.status().oom_total
    with pytest.raises(LabError) as raised:
        list(lab.run(greedy))
    assert raised.value.code == "out_of_memory"
    assert lab.status().oom_total == before + 1
    assert until(lambda: held[0]() is None)
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=3))[0].finish_reason == "length"


def test_only_what_ran_out_is_called_so() -> None:
    assert row_faults.is_oom(MemoryError())
    assert row_faults.is_oom(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert row_faults.is_oom(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert row_faults.is_oom(RuntimeError("CUDA error: out of memory\nCUDA kernel errors might"))
    assert not row_faults.is_oom(RuntimeError("CUDA error: device-side assert triggered"))
    assert not row_faults.is_oom(LabError("not_a_number", "CUDA out of memory"))


def test_a_load_that_runs_out_leaves_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[weakref.ref] = []

    def full(model: torch.nn.Module) -> None:
        held.append(weakref.ref(model))
        raise torch.OutOfMemoryError("CUDA out of memory")

    before = lab.status()
    with monkeypatch.context() as patched:
        patched.setattr(models.LeanLlama, "of", full)
        with pytest.raises(LabError) as raised:
            lab.load_model("pocket-dpo", "fp32")
    assert raised.value.code == "load_oom"
    assert held[0]() is None
    assert lab.status().oom_total == before.oom_total + 1
    assert lab.status().current == before.current


def test_whatever_transformers_raises_at_a_model_is_told(tmp_path: Path) -> None:
    config = {"model_type": "llama", "hidden_size": "many"}  # no ValueError in transformers 5
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(LabError, match="hidden_size") as raised:
        models.load(str(tmp_path), "fp32", Settings(model=str(tmp_path)))
    assert raised.value.code == "load_failed"
    assert set(raised.value.values) == {"model", "precision", "reason"}
    lab = Lab(Settings(model=str(tmp_path)))
    with pytest.raises(LabError) as raised:
        lab.engine.model()
    assert raised.value.values["precision"] == "fp32"
    lab.close()
