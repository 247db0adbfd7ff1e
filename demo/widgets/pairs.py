"""The inspector's pairs of runs: what each comparison runs, and what is recorded of it."""

import asyncio
import dataclasses
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams
from demo.widgets.sweep import generated

if TYPE_CHECKING:
    from backend.models import LoadedModel
    from backend.scheduler import Job

Comparison = Literal["twice", "strangers", "precision", "list_global", "list_own"]
COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)
STRANGER = "Once upon a time"  # the prompt of those who share the batch, or stand first in the list
STRANGERS = 7
COPY_LIMIT_BYTES = 2**30  # weights of which a second copy in another precision is loaded
Recorded = list[dict[int, float]]


async def pair_of_runs(
    lab: Lab, name: Comparison, prompt: str, model: str, params: SamplingParams, person: str
) -> tuple[Recorded, Recorded]:
    """Return both runs of a comparison. Raises LabError."""
    from backend.reproducibility import of_steps, one_seed_for_a_list

    params = dataclasses.replace(params, num_alternatives=50)
    if name in ("twice", "strangers"):
        [first] = await generated(lab, prompt, model, params, person)
        alone = generated(lab, prompt, model, params, person)
        if name == "twice":
            [second] = await alone
        else:
            crowd = dataclasses.replace(
                params,
                do_sample=True,
                num_return_sequences=STRANGERS,
                num_alternatives=0,
                seed=((params.seed or 0) + 1) % 2**32,
            )
            _, [second] = await asyncio.gather(
                generated(lab, STRANGER, model, crowd, person), alone
            )
        return of_steps(first.steps), of_steps(second.steps)
    loaded = await asyncio.to_thread(lab.engine.model, model)
    ids, others = ([r.id for r in lab.tokenize(text, model)] for text in (prompt, STRANGER))
    if name == "precision":
        other = await asyncio.to_thread(copy_of, loaded, lab)
        return (
            await one(lab, model, lambda m: seeded(m, ids, params)),
            await one(lab, model, lambda _: seeded(other, ids, params)),
        )
    if name == "list_global":
        return (
            (await every(lab, model, lambda m: one_seed_for_a_list(m, [ids, others], params)))[0],
            (await every(lab, model, lambda m: one_seed_for_a_list(m, [others, ids], params)))[1],
        )
    requests = [generated(lab, text, model, params, person) for text in (prompt, STRANGER)]
    [first], _ = await asyncio.gather(*requests)
    requests = [generated(lab, text, model, params, person) for text in (STRANGER, prompt)]
    _, [second] = await asyncio.gather(*requests)
    return of_steps(first.steps), of_steps(second.steps)


def seeded(loaded: "LoadedModel", ids: Sequence[int], params: SamplingParams) -> Iterator[Recorded]:
    """A run of its own seed, as a job's body."""
    import torch

    from backend.reproducibility import continued

    generator = torch.Generator(loaded.device).manual_seed(params.seed or 0)
    return continued(loaded, ids, params, generator)


def copy_of(loaded: "LoadedModel", lab: Lab) -> "LoadedModel":
    """Load a second copy in the other precision: bf16 of fp32, fp32 of all else. LabError."""
    from backend.models import load

    size = loaded.info.parameters * 4
    if size > COPY_LIMIT_BYTES:
        raise LabError(
            "copy_too_large",
            f"a second copy would take up to {size} bytes, at most {COPY_LIMIT_BYTES} are given",
            "Choose a smaller model",
            value=size,
            allowed=COPY_LIMIT_BYTES,
        )
    other = "bf16" if loaded.info.precision == "fp32" else "fp32"
    return load(loaded.info.model, other, lab.settings)


async def every(lab: Lab, model: str, job: "Job") -> list[Recorded]:
    """Run a job and return what it recorded of each of its runs; ends it when cancelled."""
    left = threading.Event()

    def watched(loaded: "LoadedModel") -> Iterator[object]:
        for made in job(loaded):
            if left.is_set():
                return
            yield made

    def collect() -> list[Recorded]:
        return list(lab.run(watched, model))  # type: ignore[arg-type]

    try:
        return await asyncio.to_thread(collect)
    finally:
        left.set()


async def one(lab: Lab, model: str, job: "Job") -> Recorded:
    """The same for a job of one run."""
    [recorded] = await every(lab, model, job)
    return recorded
