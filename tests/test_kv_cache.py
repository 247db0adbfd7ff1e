"""Rows of the slot cache keep their contents through growth, moves and swaps."""

import pytest
import torch
from transformers import LlamaConfig

from backend.kv_cache import SlotCache, bucket

CONFIG = LlamaConfig(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
)


@pytest.mark.parametrize(("positions", "size"), [(1, 256), (256, 256), (257, 512), (1500, 2048)])
def test_bucket(positions: int, size: int) -> None:
    assert bucket(positions) == size


def make() -> SlotCache:
    return SlotCache(CONFIG, dtype=torch.float32, device=torch.device("cpu"))


def write(cache: SlotCache, row: int, n: int, value: float) -> torch.Tensor:
    cache.begin_prefill(row, 0, n)
    states = torch.full((1, 2, n, 16), value)
    for layer in range(2):
        keys, _ = cache.update(states + layer, -states - layer, layer)
    return keys


def read(cache: SlotCache, row: int, n: int) -> set[float]:
    cache.begin_decode(torch.full((cache.rows,), n), n)
    zeros = torch.zeros(cache.rows, 2, 1, 16)
    keys, values = cache.update(zeros, zeros, 0)
    assert torch.equal(keys, -values)
    return set(keys[row, :, :n].flatten().tolist())


def test_bytes_are_what_is_allocated() -> None:
    cache = make()
    cache.reserve(3, 256)
    held = sum(t.nbytes for t in (*cache._keys, *cache._values))
    assert cache.nbytes == held == cache.bytes_for(3, 256) == 2 * 2 * 2 * 16 * 256 * 3 * 4


def test_growth_keeps_contents() -> None:
    cache = make()
    cache.reserve(1, 256)
    write(cache, 0, 5, 1.0)
    cache.reserve(4, 512)
    write(cache, 3, 5, 4.0)
    assert read(cache, 0, 5) == {1.0}
    assert read(cache, 3, 5) == {4.0}


def test_move_and_swap() -> None:
    cache = make()
    cache.reserve(3, 256)
    for row in range(3):
        write(cache, row, 5, float(row + 1))
    cache.move(2, 0, 5)
    assert read(cache, 0, 5) == {3.0}
    cache.swap(0, 1)
    assert (read(cache, 0, 5), read(cache, 1, 5)) == ({2.0}, {3.0})


def test_clear_gives_memory_back() -> None:
    cache = make()
    cache.reserve(3, 256)
    cache.clear()
    assert cache.nbytes == 0
