"""Captured decode steps: what they pad, keep and drop, on the CPU with a capture that records.

What needs a device is tested where there is one.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from backend import captured
from backend.captured import PLAIN_STEPS, Captured, padded
from backend.kv_cache import SlotCache
from backend.llama import LeanLlama

ROWS, POSITIONS = 5, 16


def lean_on(device: str) -> tuple[LeanLlama, SlotCache]:
    """A tiny model, and rows that hold numbers; the bucket is longer than the context."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        max_position_embeddings=POSITIONS - 4,
    )
    model = LlamaForCausalLM(config).to(device).eval().requires_grad_(False)
    lean = LeanLlama.of(model)
    assert lean
    slots = SlotCache(config, POSITIONS, dtype=torch.float32, device=torch.device(device))
    slots.resize(ROWS, 0)
    for tensor in (*slots.keys, *slots.values):
        tensor.normal_()
    return lean, slots


def plain(lean: LeanLlama, ids: torch.Tensor, at: torch.Tensor, slots: SlotCache) -> torch.Tensor:
    longest = int(at.max())
    mask = torch.arange(longest + 1, device=at.device) <= at[:, None]
    part = (slice(0, len(ids)), slots.decoding(at, longest, 0), mask[:, None, None])
    return lean(ids[:, None], at[:, None], [part])


def record(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Callable[[], object]]:
    """A capture without a device: `run` again, into the same place."""
    out = run()
    return out, lambda: out.copy_(run())


@pytest.mark.parametrize(
    ("rows", "allocated", "size"),
    [(1, 32, 1), (3, 32, 4), (5, 5, 5), (17, 40, 32), (32, 32, 32), (33, 40, 0)],
)
def test_padded(rows: int, allocated: int, size: int) -> None:
    assert padded(rows, allocated) == size


def check_steps(steps: Captured, lean: LeanLlama, slots: SlotCache) -> None:
    """Steps of 3, 4, 2 and 3 rows give the plain path's logits and change no other row."""
    device = slots.device
    at = torch.tensor([3, 7, 6, 2], device=device)
    for n in (3, 4, 2, 3):
        ids = torch.randint(300, (n,), device=device)
        others = [t[n:, :, :-1].clone() for t in (*slots.keys, *slots.values)]
        found = steps.decode(ids, at[:n], slots)
        assert found is not None
        for before, tensor in zip(others, (*slots.keys, *slots.values)):
            assert torch.equal(before, tensor[n:, :, :-1])
        own = plain(lean, ids, at[:n], slots)
        torch.testing.assert_close(found, own, rtol=1e-4, atol=1e-4)
        at[:n] += 1


def warm_up(steps: Captured, slots: SlotCache) -> None:
    ids = torch.tensor([7], device=slots.device)
    for _ in range(PLAIN_STEPS):
        assert steps.decode(ids, ids, slots) is None


@torch.inference_mode()
def test_steps_are_the_plain_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "capture", record)
    lean, slots = lean_on("cpu")
    steps = Captured(lean)
    warm_up(steps, slots)
    check_steps(steps, lean, slots)


@torch.inference_mode()
def test_a_storage_that_moved_is_captured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Callable[[], object]]:
        made.append(1)
        return record(run)

    monkeypatch.setattr(captured, "capture", counted)
    lean, slots = lean_on("cpu")
    steps, one = Captured(lean), torch.tensor([7])
    warm_up(steps, slots)
    for _ in range(3):
        steps.decode(one, one, slots)
    assert len(made) == 1
    steps.decode(one.repeat(2), one.repeat(2), slots)
    assert len(made) == 2
    slots.resize(ROWS + 1, POSITIONS)
    warm_up(steps, slots)
    check_steps(steps, lean, slots)
    assert len(made) == 4  # of four rows and of two


@torch.inference_mode()
def test_what_a_graph_reads_outlives_its_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph holds addresses and no tensors: what is freed would be others' memory by then."""

    def by_address(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Callable[[], object]]:
        seen = [cell.cell_contents for cell in run.__closure__ or ()]
        read = [weakref.ref(one) for one in seen if isinstance(one, torch.Tensor)]
        assert read

        def replay() -> None:
            assert all(one() is not None for one in read)

        return run(), replay

    monkeypatch.setattr(captured, "capture", by_address)
    lean, slots = lean_on("cpu")
    steps, one = Captured(lean), torch.tensor([7])
    warm_up(steps, slots)
    assert steps.decode(one, one, slots) is not None


@torch.inference_mode()
def test_a_capture_that_fails_leaves_the_plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(run: Callable[[], torch.Tensor]) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(captured, "capture", fails)
    lean, slots = lean_on("cpu")
    steps, one = Captured(lean), torch.tensor([7])
    warm_up(steps, slots)
    assert steps.decode(one, one, slots) is None
    monkeypatch.setattr(captured, "capture", record)
    assert steps.decode(one, one, slots) is None  # not tried again


class Stream(str):
    """A stream by its name."""

    def wait_stream(self, other: str) -> None:
        """Nothing is under way here."""


def test_a_capture_that_fails_leaves_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch.cuda.graph does where the capture's end raises, after a kernel that it forbids."""
    now = ["default"]

    @contextlib.contextmanager
    def on(stream: str) -> Iterator[None]:
        before, now[0] = now[0], stream
        try:
            yield
        finally:
            now[0] = before

    @contextlib.contextmanager
    def graph(made: object, *, capture_error_mode: str) -> Iterator[None]:
        now[0] = "capture"
        try:
            yield
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    fake = SimpleNamespace(stream=on, graph=graph, CUDAGraph=object)
    fake.Stream, fake.current_stream = (lambda: Stream("side")), (lambda: Stream(now[0]))
    monkeypatch.setattr(torch, "cuda", fake)
    with pytest.raises(RuntimeError, match="previous error"):
        captured.capture(lambda: torch.ones(1))
    assert now == ["default"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.inference_mode()
def test_captured_on_a_device() -> None:
    lean, slots = lean_on("cuda")
    steps = Captured(lean)
    warm_up(steps, slots)
    check_steps(steps, lean, slots)
