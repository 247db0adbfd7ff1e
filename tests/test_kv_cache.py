"""Rows of the slot cache keep their contents through growth, moves and swaps."""

import pytest
import torch
from transformers import LlamaConfig

from backend.kv_cache import DecodeWindow, PromptWindow, SlotCache, bucket

CONFIG = LlamaConfig(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
)


@pytest.mark.parametrize(("positions", "size"), [(1, 256), (256, 256), (257, 512), (1500, 2048)])
def test_bucket(positions: int, size: int) -> None:
    assert bucket(positions) == size


def make(rows: int = 0) -> SlotCache:
    cache = SlotCache(CONFIG, 256, dtype=torch.float32, device=torch.device("cpu"))
    cache.resize(rows, 0)
    return cache


def write(cache: SlotCache, row: int, start: int, n: int, value: float) -> None:
    states = torch.full((1, 2, n, 16), value)
    window = PromptWindow(cache, row, start, n)
    for layer in range(2):
        keys, values = window.update(states, -states, layer)
        assert keys.shape == values.shape == (1, 2, start + n, 16)


def read(cache: SlotCache, row: int, n: int) -> list[float]:
    assert torch.equal(cache.keys[1], -cache.values[1])
    return cache.keys[1][row, 0, :n, 0].tolist()


def test_bytes_are_what_is_allocated() -> None:
    cache = make(3)
    held = sum(t.nbytes for t in (*cache.keys, *cache.values))
    assert cache.nbytes == held == 3 * cache.row_bytes == 3 * 2 * 2 * 2 * 16 * 256 * 4


def test_a_prompt_in_pieces_then_a_token_in_each_row() -> None:
    cache = make(3)
    write(cache, 1, 0, 2, 1.0)
    write(cache, 1, 2, 1, 2.0)
    assert read(cache, 1, 4) == [1.0, 1.0, 2.0, 0.0]
    window = DecodeWindow(cache, torch.tensor([0, 3, 1]), 3, 0)
    states = torch.arange(1.0, 4)[:, None, None, None].expand(3, 2, 1, 16)
    for layer in range(2):
        keys, _ = window.update(states, -states, layer)
    assert keys.shape == (3, 2, 4, 16)
    assert [read(cache, row, 4) for row in range(3)] == [
        [1.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 2.0, 2.0],
        [0.0, 3.0, 0.0, 0.0],
    ]


def test_one_row_decodes_alone() -> None:
    cache = make(3)
    window = DecodeWindow(cache, torch.tensor([5]), 5, 2)
    states = torch.full((1, 2, 1, 16), 7.0)
    for layer in range(2):
        keys, _ = window.update(states, -states, layer)
    assert keys.shape == (1, 2, 6, 16)
    assert read(cache, 2, 6) == [0.0] * 5 + [7.0]
    assert read(cache, 1, 6) == [0.0] * 6


def test_resizing_keeps_contents() -> None:
    cache = make(1)
    write(cache, 0, 0, 2, 1.0)
    cache.resize(4, 2)
    write(cache, 3, 0, 2, 4.0)
    assert (read(cache, 0, 2), read(cache, 3, 2)) == ([1.0, 1.0], [4.0, 4.0])
    cache.resize(2, 2)
    assert cache.nbytes == 2 * cache.row_bytes
    assert read(cache, 0, 2) == [1.0, 1.0]


def test_move_swap_and_wipe() -> None:
    cache = make(3)
    for row in range(3):
        write(cache, row, 0, 2, float(row + 1))
    cache.move(2, 0, 2)
    assert read(cache, 0, 2) == [3.0, 3.0]
    cache.swap(0, 1, 2)
    assert (read(cache, 0, 2), read(cache, 1, 2)) == ([2.0, 2.0], [3.0, 3.0])
    write(cache, 2, 0, 2, float("nan"))
    cache.wipe(2)
    assert read(cache, 2, 2) == [0.0, 0.0]


@pytest.mark.parametrize("rows", range(1, 100))
def test_at_most_an_eighth_too_many_rows(rows: int) -> None:
    cache = make()
    held = cache.rows_for(rows)
    assert rows <= held <= rows * 1.125
    cache.rows = held
    assert cache.rows_for(rows) == held  # nothing is copied while nothing changes
    assert cache.rows_for(0) == 0
    assert cache.rows_for(held // 3) < held  # what is not used goes back
