"""What a lower precision does to one prompt: copies loaded for a moment, run as jobs, then dropped.

A copy is loaded on the model thread too: transformers changes torch's default dtype while it builds
a model, and no other thread's tensor may be born meanwhile. The resident models are not touched.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from backend.models import BUILDING, LoadedModel, building, load, release
from backend.scheduler import Job
from backend.settings import Settings

TOKENS = 40  # compared


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy's own greedy text, and what it gave each token of the path it was shown.

    `logprobs` (tokens, vocab) fp32, on CPU: of the next token at each place of `path`.
    """

    precision: str
    weights_bytes: int
    quant_state_bytes: int
    footprint_bytes: int  # get_memory_footprint, which knows no quantisation state
    load_s: float
    decode_s: float  # of one token, the fastest step: others on the machine only add to it
    ids: tuple[int, ...]
    path: tuple[int, ...]
    texts: tuple[str, ...]  # of `path`, token by token
    best: tuple[str, ...]  # the copy's own most likely token at each place of `path`
    logprobs: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Damage:
    """KL(reference || copy) in nats at each token of the reference's text, and where they part.

    `flips`: places at which the most likely token is another one. The first is where the copy's own
    greedy text leaves the reference's, since up to there both have read the same.
    """

    kl: tuple[float, ...]
    flips: tuple[int, ...]

    @property
    def mean_kl(self) -> float:
        """Nats per token."""
        return sum(self.kl) / len(self.kl)


def copy_job(
    name: str, precision: str, prompt: str, settings: Settings, path: Sequence[int] = ()
) -> Job:
    """Return a job that yields None per turn and at the end a Copy.

    `path`: the token ids to give probabilities to; empty: the copy's own text. Raises LabError.
    """

    def job(_: LoadedModel) -> Iterator[Copy | None]:
        yield from building()
        try:
            loaded = load(name, precision, settings)
        finally:
            BUILDING.release()
        try:
            yield None
            yield from _run(loaded, prompt, tuple(path))
        finally:
            del loaded
            release()

    return job


def _run(loaded: LoadedModel, prompt: str, path: tuple[int, ...]) -> Iterator[Copy | None]:
    from backend.admission import admissible_ids, check_prompt
    from backend.types import Request, SamplingParams

    check_prompt(prompt)
    asked = Request(prompt, SamplingParams(max_new_tokens=TOKENS))
    start, footprint = admissible_ids(asked, loaded), loaded.model.get_memory_footprint()
    ids, times_s = list[int](), list[float]()
    cache, row = DynamicCache(), torch.tensor([list(start)], device=loaded.device)
    while len(ids) < TOKENS and not (ids and ids[-1] in loaded.end_ids):
        began = time.perf_counter()
        with torch.inference_mode():
            logits = loaded.model(input_ids=row, past_key_values=cache, use_cache=True).logits
            ids.append(int(logits[0, -1].argmax()))
        times_s.append(time.perf_counter() - began)
        row = torch.tensor([[ids[-1]]], device=loaded.device)
        yield None
    path = path or tuple(ids)
    with torch.inference_mode():
        whole = torch.tensor([[*start, *path[:-1]]], device=loaded.device)
        logits = loaded.model(input_ids=whole).logits[0, len(start) - 1 :]
        logprobs = logits.float().log_softmax(-1).cpu()
    record = loaded.vocabulary.record
    yield Copy(
        precision=loaded.info.precision,
        weights_bytes=loaded.info.weights_bytes,
        quant_state_bytes=loaded.info.quant_state_bytes,
        footprint_bytes=footprint,
        load_s=loaded.info.load_s,
        decode_s=min(times_s[1:] or times_s),
        ids=tuple(ids),
        path=path,
        texts=tuple(record(token_id).text for token_id in path),
        best=tuple(record(token_id).text for token_id in logprobs.argmax(-1).tolist()),
        logprobs=logprobs,
    )


def damage(reference: Copy, copy: Copy) -> Damage:
    """Compare two copies that were shown the same path."""
    assert reference.path == copy.path
    p, q = reference.logprobs.double(), copy.logprobs.double()
    kl = (p.exp() * (p - q)).sum(-1).clamp(min=0)
    flips = (p.argmax(-1) != q.argmax(-1)).nonzero().flatten()
    return Damage(kl=tuple(kl.tolist()), flips=tuple(flips.tolist()))
