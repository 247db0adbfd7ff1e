"""The KV cache, on and off: the seconds of every decoding step with each, as one job."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.models import LoadedModel
from backend.scheduler import Job


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One new token, made both ways at `position`; the same token wherever rounding allows it."""

    position: int
    cached_s: float  # one position through the model, the rest from the cache
    whole_s: float  # all positions through the model again
    same: bool
    kv_bytes: int  # held by the cache after this step


def kv_speed_job(prompt: str, max_new_tokens: int) -> Job:
    """Return a job that yields a Pair per new token, greedy; an end token does not end it.

    The two ways take turns at every step, so that both see the same machine.
    """

    def job(loaded: LoadedModel) -> Iterator[Pair | None]:
        from backend.admission import admissible_ids, check_prompt
        from backend.types import Request, SamplingParams

        check_prompt(prompt)
        asked = Request(prompt, SamplingParams(max_new_tokens=max_new_tokens))
        ids = list(admissible_ids(asked, loaded))
        cache = DynamicCache()
        with torch.inference_mode():  # all but the last position, which is the first step's
            if ids[:-1]:
                loaded.model(input_ids=_row(ids[:-1], loaded), past_key_values=cache)
        yield None
        for _ in range(max_new_tokens):
            last, whole = _row(ids[-1:], loaded), _row(ids, loaded)
            with torch.inference_mode():
                cached_s, token_id = _timed(loaded, last, cache)
                yield None
                whole_s, again = _timed(loaded, whole, None)
            ids.append(token_id)
            yield Pair(
                position=len(ids) - 1,
                cached_s=cached_s,
                whole_s=whole_s,
                same=token_id == again,
                kv_bytes=_bytes(cache),
            )

    return job


def _timed(loaded: LoadedModel, row: torch.Tensor, cache: DynamicCache | None) -> tuple[float, int]:
    began = time.perf_counter()
    out = loaded.model(
        input_ids=row, past_key_values=cache, use_cache=cache is not None, logits_to_keep=1
    )
    token_id = int(out.logits[0, -1].argmax())  # waits for the device
    return time.perf_counter() - began, token_id


def _bytes(cache: DynamicCache) -> int:
    parts = [
        (layer.keys, layer.values) for layer in cache.layers if isinstance(layer, DynamicLayer)
    ]
    return sum(tensor.nbytes for pair in parts for tensor in pair if tensor is not None)


def _row(ids: list[int], loaded: LoadedModel) -> torch.Tensor:
    return torch.tensor([ids], device=loaded.device)
