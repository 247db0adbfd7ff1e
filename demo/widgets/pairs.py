"""The inspector's pairs of runs: what each comparison runs, and what is recorded of it."""

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from backend.errors import LabError
from backend.lab import Lab
from backend.types import Request, SamplingParams
from demo.job_results import results
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
    from backend.reproducibility import of_steps

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
    ids, others = (job_ids(lab, loaded, text, params) for text in (prompt, STRANGER))
    if name == "precision":
        other = await asyncio.to_thread(copy_of, loaded, lab)
        return (
            await one(lab, model, lambda m: seeded(m, ids, params), person),
            await one(lab, model, lambda _: seeded(other, ids, params), person),
        )
    if name == "list_global":
        return (
            (await listed(lab, model, [ids, others], params, person))[0],
            (await listed(lab, model, [others, ids], params, person))[1],
        )
    requests = [generated(lab, text, model, params, person) for text in (prompt, STRANGER)]
    [first], _ = await asyncio.gather(*requests)
    requests = [generated(lab, text, model, params, person) for text in (STRANGER, prompt)]
    _, [second] = await asyncio.gather(*requests)
    return of_steps(first.steps), of_steps(second.steps)


def job_ids(lab: Lab, loaded: "LoadedModel", prompt: str, params: SamplingParams) -> Sequence[int]:
    """Return the ids that a job of our own starts from, limited as a request is. LabError."""
    from backend.admission import admissible_ids, check_limits, check_prompt

    request = Request(prompt, params)
    check_prompt(prompt)
    check_limits(request, lab.settings, lab.limits)
    return admissible_ids(request, loaded)


async def listed(
    lab: Lab, model: str, prompts: Sequence[Sequence[int]], params: SamplingParams, person: str
) -> list[Recorded]:
    """Run a list with one seed for all of it; return what was recorded of each prompt."""
    from backend.reproducibility import one_seed_for_a_list

    return await results(
        lab, lambda m: one_seed_for_a_list(m, prompts, params), model, list, person=person
    )


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


async def one(lab: Lab, model: str, job: "Job", person: str) -> Recorded:
    """Return what a job of one run recorded."""
    [recorded] = await results(lab, job, model, list, person=person)
    return recorded
