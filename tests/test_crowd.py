"""Sixteen seeded requests of every kind among sixteen that disturb give what `generate` gives."""

import contextlib
import functools
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from transformers import GenerationConfig

from backend.automaton import OUT, automaton
from backend.constraint import choice, json_schema, regex
from backend.errors import LabError
from backend.lab import Lab
from backend.models import LoadedModel
from backend.types import Constraint, Generation, Request, SamplingParams
from tests.test_parity import PROMPTS, ROUNDING_TIE, Case, margin, prompt_ids, reference
from tests.test_scheduler import until

pytestmark = pytest.mark.slow
ASKED, DISTURBERS, REPETITIONS = 16, 16, 20
LONG = "むかしむかし、あるところに小さな竜がいました。 Tell me a story about a dragon. " * 8
CONSTRAINTS = (
    choice(("ドラゴン", "猫", "a dragon")),
    regex(r"(はい|いいえ)、[0-9]{1,3}[.!]"),
    json_schema({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request and what holds it besides its settings."""

    case: Case
    constraint: Constraint | None = None


def some_asked(r: random.Random) -> Asked:
    """Greedy, drawn, through all filters, several sequences, a stop string, or a constraint."""
    kind = r.choice(["greedy", "drawn", "filtered", "several", "stop", "constraint"])
    params = SamplingParams(
        do_sample=kind != "greedy",
        temperature=r.choice([0.5, 0.8, 1.0, 1.5, 10]),
        top_k=r.choice([5, 50]) if kind == "filtered" else 0,
        top_p=r.choice([0.9, 0.5]) if kind in ("filtered", "several") else 1.0,
        epsilon_cutoff=r.choice([0.001, 0.02]) if kind == "filtered" else 0,
        min_p=r.choice([0.05, 0.3]) if kind == "filtered" else 0,
        typical_p=r.choice([0.9, 0.2]) if kind == "filtered" else 1.0,
        max_new_tokens=r.choice([1, 9, 24]),
        num_return_sequences=r.choice([2, 3]) if kind == "several" else 1,
        seed=r.randrange(2**32),
        stop=(r.choice([".", " the", "た"]),) if kind == "stop" else (),
    )
    constraint = r.choice(CONSTRAINTS) if kind == "constraint" else None
    return Asked(case=Case(prompt=r.choice([*PROMPTS, LONG]), params=params), constraint=constraint)


def alone(loaded: LoadedModel, asked: Asked) -> list[list[int]]:
    """What plain transformers gives, and nobody else."""
    options: dict[str, object] = {}
    if asked.case.params.stop:
        options = {"stop_strings": list(asked.case.params.stop), "tokenizer": loaded.tokenizer}
    if asked.constraint:
        found, start = automaton(asked.constraint, loaded), len(prompt_ids(loaded, asked.case))

        def allowed(_: int, so_far: torch.Tensor) -> list[int]:
            state = found.walk(so_far[start:].tolist())[-1]
            return list(loaded.end_ids) if state == OUT else found.allowed(state)

        options["prefix_allowed_tokens_fn"] = allowed
    return reference(loaded, asked.case, **options)


# those who disturb
def leaves(lab: Lab, r: random.Random) -> None:
    """Reads some steps, then goes."""
    n, at = r.choice([1, 1, 4]), r.randrange(1, 40)
    params = SamplingParams(
        do_sample=True, temperature=100, seed=1, max_new_tokens=60, num_return_sequences=n
    )
    with contextlib.closing(lab.stream(r.choice(PROMPTS), params)) as steps:
        for _ in zip(range(at), steps):
            pass


def sends_much(lab: Lab, r: random.Random) -> None:
    """A prompt of 900 tokens or more, for a few tokens, or left while it is being read."""
    beginning = lab.engine.model().encode(LONG)
    ids = (beginning * 20)[: r.choice([900, 900, 1500, 2000])]
    request = Request(PROMPTS[0], SamplingParams(max_new_tokens=3), prefix_ids=tuple(ids))
    ticket = lab.engine.ticket(request, update_s=0.0)
    lab.engine.submit(ticket)
    if r.random() < 0.5:
        time.sleep(r.random() * 0.3)
        ticket.channel.close()
    until(lambda: ticket.channel.finished, timeout_s=60)


def sends_nonsense(lab: Lab, r: random.Random) -> None:
    """Input that is refused."""
    wrong: list[Callable[[], object]] = [
        lambda: SamplingParams(top_p=float("nan")),
        lambda: SamplingParams(do_sample=True, temperature=0),
        lambda: lab.generate(" \n", SamplingParams()),
        lambda: lab.generate(7, SamplingParams()),  # type: ignore[arg-type]
        lambda: lab.generate("a", SamplingParams(max_new_tokens=10**6)),
        lambda: lab.generate("a", prefix_ids=(1, 10**9)),
        lambda: lab.generate("竜" * 5000, SamplingParams()),
        lambda: lab.generate("a", constraint=Constraint(kind="regex", pattern=r"[^\s\S]")),
    ]
    with pytest.raises(LabError):
        r.choice(wrong)()


def together(lab: Lab, crowd: list[Asked], r: random.Random) -> list[list[Generation]]:
    """Start everybody within a fraction of a second; return what those who asked got."""
    got: list[list[Generation]] = [[] for _ in crowd]
    errors: list[BaseException] = []

    def ask(i: int) -> None:
        got[i] = lab.generate(
            crowd[i].case.prompt, crowd[i].case.params, constraint=crowd[i].constraint
        )

    def run(do: Callable[[], None], delay_s: float) -> None:
        time.sleep(delay_s)
        try:
            do()
        except BaseException as error:
            errors.append(error)

    everybody: list[Callable[[], None]] = [functools.partial(ask, i) for i in range(len(crowd))]
    for n in range(DISTURBERS):
        disturbs = (leaves, sends_nonsense, sends_much, leaves, sends_nonsense)[n % 5]
        everybody.append(functools.partial(disturbs, lab, random.Random(r.random())))
    threads = [threading.Thread(target=run, args=(do, r.random() * 0.3)) for do in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return got


@pytest.fixture(scope="module")
def loaded(lab: Lab) -> Iterator[LoadedModel]:
    loaded = lab.engine.model()
    before, ends = loaded.model.generation_config, loaded.model.generation_config.eos_token_id
    loaded.model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=ends)
    yield loaded
    loaded.model.generation_config = before


def test_sixteen_among_sixteen_get_their_own_text(lab: Lab, loaded: LoadedModel) -> None:
    r, ties = random.Random(6), 0
    pool = [some_asked(r) for _ in range(4 * ASKED)]  # each comes about five times
    want = {id(asked): alone(loaded, asked) for asked in pool}
    for repetition in range(REPETITIONS):
        crowd = r.sample(pool, ASKED)
        for asked, found in zip(crowd, together(lab, crowd, r)):
            ids = [[step.token_id for step in g.steps] for g in found]
            if ids == want[id(asked)]:
                continue
            what = f"repetition {repetition}: {asked}\nwant {want[id(asked)]}\ngot  {ids}"
            assert asked.constraint is None, what
            gap = margin(loaded, asked.case, want[id(asked)], ids)
            print(f"margin {gap:.2e} for {asked}")
            assert gap < ROUNDING_TIE, what
            ties += 1
        assert until(lambda: lab.status().active_streams == 0)
        assert until(lambda: not sum(lab.status().kv_cache_bytes.values()))
    assert ties <= 1
