"""The batched filters equal transformers' logits warpers, bit for bit."""

import random

import pytest
import torch
from transformers.generation.logits_process import (
    EpsilonLogitsWarper,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

import backend.noise
import backend.sampling
from backend.noise import exponential_noise
from backend.sampling import (
    LIKELIEST,
    REMOVERS,
    RowParams,
    outside_top_p,
    outside_top_p_sorted,
    passes,
    warp,
)
from backend.types import SamplingParams

VOCAB = 500


def reference(logits: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    """Filter one row as generate does: one warper per setting, in its order."""
    if not params.do_sample:
        return logits
    chain = [TemperatureLogitsWarper(params.temperature)]
    chain += [TopKLogitsWarper(params.top_k)] if params.top_k else []
    chain += [TopPLogitsWarper(params.top_p)] if params.top_p < 1 else []
    chain += [MinPLogitsWarper(params.min_p)] if params.min_p else []
    chain += [TypicalLogitsWarper(params.typical_p)] if params.typical_p < 1 else []
    chain += [EpsilonLogitsWarper(params.epsilon_cutoff)] if params.epsilon_cutoff else []
    for warper in chain:
        logits = warper(None, logits)  # type: ignore[arg-type]
    return logits


def some_params(r: random.Random) -> SamplingParams:
    return SamplingParams(
        do_sample=r.random() < 0.9,
        temperature=r.choice([0.1, 0.7, 1, 1.5, 10]),
        top_k=r.choice([0, 0, 1, 5, 50, VOCAB, 9999]),
        top_p=r.choice([1.0, 0.999, 0.9, 0.5, 0.1, 1e-6]),
        min_p=r.choice([0, 0, 0.01, 0.2, 0.9]),
        typical_p=r.choice([1.0, 1.0, 0.95, 0.5, 0.01]),
        epsilon_cutoff=r.choice([0, 0, 0.001, 0.05, 0.9]),
    )


@pytest.mark.parametrize("seed", range(40))
def test_batch_equals_one_row_at_a_time(seed: int) -> None:
    r, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    rows = [some_params(r) for _ in range(r.randint(1, 12))]
    logits = torch.randn(len(rows), VOCAB, generator=generator) * r.choice([0.5, 3, 10])
    if seed % 4 == 0:
        logits = logits.round()  # many ties
    candidates = logits.topk(8).indices
    params = RowParams.of(rows, vocab=VOCAB, device=logits.device)
    scores, removed_by = warp(logits, params, candidates)
    for i, row in enumerate(rows):
        assert torch.equal(scores[i : i + 1], reference(logits[i : i + 1], row)), row
    gone = scores.gather(1, candidates).isinf()
    assert torch.equal(gone, removed_by > 0)


def test_removed_by_names_the_first_filter_that_removed() -> None:
    p = torch.tensor([[0.25, 0.20, 0.15, 0.10, 0.08, 0.07, 0.06, 0.04, 0.03, 0.02]])
    row = SamplingParams(do_sample=True, top_k=5, top_p=0.8)
    params = RowParams.of([row], vocab=10, device=p.device)
    _, removed_by = warp(p.log(), params, torch.arange(10)[None])
    names = [REMOVERS[n] for n in removed_by[0].tolist()]
    # the course's ten words: k 5 and then p .8 on the renormalised rest keeps four (errata 16)
    assert names == [""] * 4 + ["top_p"] + ["top_k"] * 5


@pytest.mark.parametrize("by_uniform", [True, False])
def test_a_draw_is_multinomials(by_uniform: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backend.noise.BY_UNIFORM, "this torch draws another way: the slower one is used"
    monkeypatch.setattr(backend.noise, "BY_UNIFORM", by_uniform)
    for seed in range(50):
        p = torch.rand(3, VOCAB, generator=torch.Generator().manual_seed(seed)).softmax(-1)
        torch.manual_seed(seed)
        want = torch.multinomial(p, 1)[:, 0]
        generator = torch.Generator().manual_seed(seed)
        noise = exponential_noise(3, VOCAB, generator)
        assert torch.equal((p / noise).argmax(-1), want)
        assert torch.equal(generator.get_state(), torch.get_rng_state())


def test_top_p_sorts_only_where_the_cut_is_not_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(scores: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        asked.append(len(scores))
        return outside_top_p_sorted(scores, rest)

    monkeypatch.setattr(backend.sampling, "outside_top_p_sorted", counted)
    generator = torch.Generator().manual_seed(1)
    rest = torch.full((64, 1), 1 - 0.9)
    peaked = 6 * torch.randn(64, 4 * VOCAB, generator=generator)
    want = outside_top_p_sorted(peaked, rest)
    assert (~want).sum(-1).max() < LIKELIEST
    assert torch.equal(outside_top_p(peaked, rest), want)
    assert sum(asked) <= 4
    flat = torch.randn(64, 4 * VOCAB, generator=generator)
    assert torch.equal(outside_top_p(flat, rest), outside_top_p_sorted(flat, rest))
    assert asked[-1] == 64
    tied = torch.tensor([[3.0, 1.0, 1.0, 1.0, 0.0]])
    for p in (0.75, 0.85, 0.95):
        cut = torch.tensor([[1 - p]])
        assert torch.equal(outside_top_p(tied, cut), outside_top_p_sorted(tied, cut))


def test_a_temperature_near_nothing_is_greedy_and_not_nothing() -> None:
    logits = torch.randn(1, VOCAB, generator=torch.Generator().manual_seed(1)) * 10
    cold = SamplingParams(do_sample=True, temperature=1e-40)
    params = RowParams.of([cold], vocab=VOCAB, device=torch.device("cpu"))
    scores, _ = warp(logits, params, logits.topk(5).indices)
    assert scores.softmax(-1)[0, logits.argmax()] == 1
    *_, last = passes(logits[0], cold)
    assert last.probs[logits.argmax()] == 1
