"""A seeded request gives what `set_seed(seed); generate(...)` gives alone (DESIGN 2.2, 4.5)."""

import random
import threading
import time
from dataclasses import dataclass

import pytest
import torch
from transformers import GenerationConfig, set_seed

from backend.lab import Lab
from backend.models import LoadedModel
from backend.noise import exponential_noise
from backend.sampling import RowParams, warp
from backend.types import Generation, SamplingParams

ROUNDING_TIE = 1e-4  # in log p - log q, between the two best; DESIGN 2.2
PROMPTS: tuple[str | list[dict[str, str]], ...] = (
    "Tell me a story about a dragon.",
    "1+1=?",
    "Please translate to Japanese: Tell me a story about a dragon.",
    "竜の話 🐉\n",
    "a",
    [{"role": "user", "content": "Tell me a story about a cat."}],
    [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello. How can I help you?"},
        {"role": "user", "content": "1+1=?"},
    ],
)


@dataclass(frozen=True, kw_only=True)
class Case:
    prompt: str | list[dict[str, str]]
    params: SamplingParams


def some_case(r: random.Random, *, longest: int) -> Case:
    do_sample = r.random() < 0.85
    params = SamplingParams(
        do_sample=do_sample,
        temperature=r.choice([0.1, 0.5, 0.8, 1, 1.5, 10]),
        top_k=r.choice([0, 0, 1, 5, 50, 5000]),
        top_p=r.choice([1.0, 0.95, 0.9, 0.5, 0.1]),
        epsilon_cutoff=r.choice([0, 0, 0.001, 0.02, 0.3]),
        min_p=r.choice([0, 0, 0, 0.05, 0.3]),
        typical_p=r.choice([1.0, 1.0, 1.0, 0.9, 0.2]),
        max_new_tokens=r.choice([1, 7, longest]),
        num_return_sequences=r.choice([1, 1, 2, 3, 5]) if do_sample else 1,
        seed=r.randrange(2**32),
    )
    return Case(prompt=r.choice(PROMPTS), params=params)


@pytest.fixture(scope="module")
def loaded(lab: Lab) -> LoadedModel:
    loaded = lab.engine.model()
    ends = loaded.model.generation_config.eos_token_id
    loaded.model.generation_config = GenerationConfig(
        bos_token_id=loaded.tokenizer.bos_token_id, eos_token_id=ends
    )
    return loaded


def prompt_ids(loaded: LoadedModel, case: Case) -> list[int]:
    if isinstance(case.prompt, str):
        return loaded.tokenizer(case.prompt)["input_ids"]
    return loaded.tokenizer.apply_chat_template(
        case.prompt, add_generation_prompt=True, tokenize=True, return_dict=False
    )


def reference(loaded: LoadedModel, case: Case, **options: object) -> list[list[int]]:
    """What plain transformers gives: new ids per sequence, up to and with the end token."""
    ids, p = torch.tensor([prompt_ids(loaded, case)]), case.params
    sampling = {
        "temperature": p.temperature,
        "top_k": p.top_k,
        "top_p": p.top_p,
        "epsilon_cutoff": p.epsilon_cutoff,
        "min_p": p.min_p or None,
        "typical_p": p.typical_p,
        "num_return_sequences": p.num_return_sequences,
    }
    set_seed(p.seed)
    out = loaded.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=p.do_sample,
        max_new_tokens=p.max_new_tokens,
        pad_token_id=0,
        **(sampling if p.do_sample else {}),
        **options,
    )
    return [up_to_end(row, loaded.end_ids) for row in out[:, ids.shape[1] :].tolist()]


def up_to_end(ids: list[int], end_ids: frozenset[int]) -> list[int]:
    ends = [i for i, token_id in enumerate(ids) if token_id in end_ids]
    return ids[: ends[0] + 1] if ends else ids


def ids_of(generations: list[Generation]) -> list[list[int]]:
    return [[step.token_id for step in g.steps] for g in generations]


@torch.inference_mode()
def margin(loaded: LoadedModel, case: Case, want: list[list[int]], got: list[list[int]]) -> float:
    """How close the two best candidates were where the texts part, in log p - log q."""
    row = next(i for i, (a, b) in enumerate(zip(want, got)) if a != b)
    at = next(i for i, (a, b) in enumerate(zip(want[row], got[row])) if a != b)
    ids = prompt_ids(loaded, case) + want[row][:at]
    logits = loaded.model(torch.tensor([ids])).logits[:, -1].float()
    if not case.params.do_sample:
        best = logits[0].topk(2).values
        return float(best[0] - best[1])
    generator = torch.Generator().manual_seed(case.params.seed or 0)
    for _ in range(at + 1):
        noise = exponential_noise(case.params.num_return_sequences, logits.shape[1], generator)
    params = RowParams.of([case.params], vocab=logits.shape[1], device=logits.device)
    scores, _ = warp(logits, params, logits.topk(1).indices)
    best = (scores.softmax(-1)[0].log() - noise[row].log()).topk(2).values
    return float(best[0] - best[1])


def check(loaded: LoadedModel, cases: list[Case], got: list[list[list[int]]]) -> None:
    """Every case equals the reference; a rounding tie is printed and allowed 1 in 1,000 times."""
    ties = 0
    for case, ids in zip(cases, got):
        want = reference(loaded, case)
        if ids != want:
            gap = margin(loaded, case, want, ids)
            print(f"margin {gap:.2e} for {case}")
            assert gap < ROUNDING_TIE, f"{case}\nwant {want}\ngot  {ids}"
            ties += 1
    assert ties * 1000 <= len(cases)


def run_together(lab: Lab, cases: list[Case], r: random.Random) -> list[list[list[int]]]:
    """Start all within a second or so, so that rows join and leave at many steps."""
    got: list[list[list[int]]] = [[] for _ in cases]

    def one(i: int, delay_s: float) -> None:
        time.sleep(delay_s)
        got[i] = ids_of(lab.generate(cases[i].prompt, cases[i].params))

    threads = [
        threading.Thread(target=one, args=(i, r.random() * len(cases) / 60))
        for i in range(len(cases))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_a_few_alone_and_together(lab: Lab, loaded: LoadedModel) -> None:
    r = random.Random(1)
    cases = [some_case(r, longest=25) for _ in range(16)]
    check(loaded, cases[:6], [ids_of(lab.generate(c.prompt, c.params)) for c in cases[:6]])
    check(loaded, cases[6:], run_together(lab, cases[6:], r))


@pytest.mark.slow
def test_120_alone(lab: Lab, loaded: LoadedModel) -> None:
    r = random.Random(2)
    cases = [some_case(r, longest=60) for _ in range(120)]
    check(loaded, cases, [ids_of(lab.generate(c.prompt, c.params)) for c in cases])


@pytest.mark.slow
def test_120_among_strangers(lab: Lab, loaded: LoadedModel) -> None:
    r = random.Random(3)
    cases = [some_case(r, longest=60) for _ in range(120)]
    check(loaded, cases, run_together(lab, cases, r))


def test_logprobs_agree_with_a_plain_forward(lab: Lab, loaded: LoadedModel) -> None:
    params = SamplingParams(do_sample=True, num_return_sequences=8, seed=4, max_new_tokens=60)
    generations = lab.generate(PROMPTS[0], params)
    start = prompt_ids(loaded, Case(prompt=PROMPTS[0], params=params))
    worst = 0.0
    for g in generations:
        ids = torch.tensor([start + [s.token_id for s in g.steps]])
        with torch.inference_mode():
            logprobs = loaded.model(ids).logits[0, len(start) - 1 : -1].float().log_softmax(-1)
        alone = logprobs.gather(1, ids[0, len(start) :, None])[:, 0]
        batched = torch.tensor([s.logprob for s in g.steps])
        worst = max(worst, float((alone - batched).abs().max()))
    print(f"largest difference in log-probability, 8 rows against a forward alone: {worst:.1e}")
    assert worst < 1e-3


def test_stop_strings_end_where_generates_do(lab: Lab, loaded: LoadedModel) -> None:
    for seed, stop in ((1, "."), (2, ". "), (3, " a"), (4, "the"), (5, "dragon"), (6, "no such")):
        params = SamplingParams(
            do_sample=True, top_p=0.9, seed=seed, max_new_tokens=60, stop=(stop,)
        )
        case = Case(prompt=PROMPTS[0], params=params)
        [got] = lab.generate(case.prompt, params)
        want = reference(loaded, case, stop_strings=[stop], tokenizer=loaded.tokenizer)
        assert ids_of([got]) == want
        assert stop not in got.text


def test_continuing_from_a_token_equals_the_longer_prompt(lab: Lab, loaded: LoadedModel) -> None:
    params = SamplingParams(max_new_tokens=12)
    [whole] = lab.generate(PROMPTS[0], params)
    prefix = tuple(s.token_id for s in whole.steps[:5])
    [rest] = lab.generate(PROMPTS[0], SamplingParams(max_new_tokens=7), prefix_ids=prefix)
    assert ids_of([rest])[0] == [s.token_id for s in whole.steps[5:]]
