"""Decode steps as CUDA graphs: a step's kernels are launched by one call instead of hundreds.

A graph has fixed shapes and addresses. So the rows are padded to a batch size, attention goes over
the whole bucket behind a mask, and a graph is dropped when the cache's storage has moved. Used on
CUDA only; wherever `decode` returns None the plain path does the same. Not measured: no GPU here.
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from backend.kv_cache import SlotCache
from backend.llama import LeanLlama

log = logging.getLogger(__name__)

SIZES = (1, 2, 4, 8, 16, 32)  # rows
PLAIN_STEPS = 8  # of a storage before the first capture: rows that join move it at every step
Run = Callable[[], torch.Tensor]


def padded(rows: int, allocated: int) -> int:
    """Return how many rows a graph for `rows` runs, 0 for none; at most what the cache holds."""
    return min(next((size for size in SIZES if size >= rows), 0), allocated)


def fill(buffer: torch.Tensor, values: torch.Tensor, padding: int) -> None:
    """Copy n values to the front of a buffer; what is behind them is not left from another step."""
    buffer[: len(values)] = values
    buffer[len(values) :] = padding


@torch.inference_mode()
def capture(run: Run) -> tuple[torch.Tensor, Callable[[], object]]:
    """Return what `run` returns, and what computes it anew in the same place."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # lazy initialisation, workspaces: not to be captured
        for _ in range(2):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # a graph whose capture fails leaves its own stream as the current one; and what other threads
    # do on the device meanwhile must not spoil it
    with (
        torch.cuda.stream(torch.cuda.current_stream()),
        torch.cuda.graph(graph, capture_error_mode="thread_local"),
    ):
        out = run()
    return out, graph.replay


@dataclass(frozen=True, kw_only=True)
class Step:
    """A captured step. It holds no cache, so that a batch can free its own."""

    ids: torch.Tensor  # (size,)
    positions: torch.Tensor  # (size,)
    logits: torch.Tensor  # (size, vocab) fp32
    replay: Callable[[], object]


@dataclass(kw_only=True)
class Storage:
    """Where the rows of a bucket lie, and the steps captured there, by size."""

    addresses: tuple[int, ...]
    plain_steps: int = 0
    steps: dict[int, Step] = field(default_factory=dict)


class Captured:
    """The captured steps of one model; touched by the model thread alone."""

    def __init__(self, lean: LeanLlama) -> None:
        self._lean = lean
        self._storages: dict[int, Storage] = {}  # by positions of the bucket
        self._failed = False

    @torch.inference_mode()
    def decode(
        self, ids: torch.Tensor, positions: torch.Tensor, slots: SlotCache
    ) -> torch.Tensor | None:
        """Decode rows 0 ... n-1 of a cache: (n, vocab) logits in fp32, or None for the plain path.

        `ids`, `positions`: (n,) on the device. Rows from n on are not changed but at the bucket's
        last position, which no row ever sees: the last token of a text is not read.
        """
        rows, size = len(ids), padded(len(ids), slots.rows)
        if self._failed or not size:
            return None
        addresses = (slots.rows, *(t.data_ptr() for t in (*slots.keys, *slots.values)))
        storage = self._storages.get(slots.positions)
        if not storage or storage.addresses != addresses:
            storage = self._storages[slots.positions] = Storage(addresses=addresses)
        if storage.plain_steps < PLAIN_STEPS:
            storage.plain_steps += 1
            return None
        step = storage.steps.get(size)
        if not step:
            try:
                step = self._capture(ids, positions, slots, size)
            except RuntimeError:
                log.exception("a decode step could not be captured; the plain path goes on")
                self._failed = True
                self._storages.clear()
                return None
            storage.steps[size] = step
        fill(step.ids, ids, 0)
        fill(step.positions, positions, slots.positions - 1)
        step.replay()
        return step.logits[:rows].clone()  # the next replay writes over it

    def _capture(
        self, ids: torch.Tensor, positions: torch.Tensor, slots: SlotCache, size: int
    ) -> Step:
        last = slots.positions - 1
        all_ids, at = ids.new_empty(size), positions.new_empty(size)
        fill(all_ids, ids, 0)  # the warm-up writes what the step will
        fill(at, positions, last)

        def run() -> torch.Tensor:  # of tensors from outside, a graph reads only what Step holds
            window = slots.decoding(at, last, 0)
            seen = torch.arange(slots.positions, device=at.device)
            mask = (seen <= at[:, None])[:, None, None]
            # a bucket may be longer than the model's context: only padding is there
            turned = at.clamp(max=len(self._lean.rotary) - 1)
            return self._lean(all_ids[:, None], turned[:, None], [(slice(0, size), window, mask)])

        logits, replay = capture(run)
        return Step(ids=all_ids, positions=at, logits=logits, replay=replay)
