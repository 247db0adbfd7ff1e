"""transformers' own pipeline on a list of prompts, with the shape of every forward (errata 21)."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, TextGenerationPipeline

from backend.models import LoadedModel
from backend.scheduler import Job

NEW_TOKENS = 3  # per prompt: what a job may take at once


@dataclass(kw_only=True)
class ListRun:
    """What the pipeline gave and how it worked: (rows, positions) of each forward, in order."""

    batch_size: int | None
    output: Any = None  # for a list of prompts, a list of lists of dicts
    shapes: list[tuple[int, int]] = field(default_factory=list)
    refusal: str = ""  # the library's own words where it refused


def list_job(prompts: Sequence[str], batch_size: int | None, *, padded: bool = False) -> Job:
    """Return a job that yields one ListRun when all prompts are done; greedy.

    `padded` gives a copy of the tokenizer a padding token on the left, without which the library
    refuses to batch.
    """

    def job(loaded: LoadedModel) -> Iterator[ListRun | None]:
        run = ListRun(batch_size=batch_size)
        tokenizer = loaded.tokenizer
        if padded:
            tokenizer = deepcopy(tokenizer)
            tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, "left"
        pipe = pipeline_of(loaded, tokenizer)
        options: dict[str, Any] = {"max_new_tokens": NEW_TOKENS, "do_sample": False}
        if batch_size:
            options["batch_size"] = batch_size

        def record(module: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            rows, positions = kwargs["input_ids"].shape
            run.shapes.append((rows, positions))

        # the others' steps run between our turns: record and lock only while we run
        def turn(outputs: Iterator[Any]) -> Any:
            hook = loaded.model.register_forward_pre_hook(record, with_kwargs=True)
            try:
                with loaded.lock:
                    return next(outputs, None)
            finally:
                hook.remove()

        try:
            # prompt by prompt: a generator is not read ahead
            given = (prompt for prompt in prompts)
            outputs = iter(pipe(given, **options))  # type: ignore[call-overload]  # not in its stub
            found = []
            while (output := turn(outputs)) is not None:
                found.append(output)
                yield None
            run.output = found
        except ValueError as error:
            run.refusal = f"{type(error).__name__}: {error}"
        yield run

    return job


@dataclass(frozen=True, kw_only=True)
class BothWays:
    """The ids of one prompt and its new tokens, by `pipeline` and by `generate` itself."""

    pipeline: tuple[int, ...]
    generate: tuple[int, ...]


def both_ways_job(prompt: str) -> Job:
    """Return a job that yields one BothWays: the course's first block and its second; greedy."""

    def job(loaded: LoadedModel) -> Iterator[BothWays | None]:
        options: dict[str, Any] = {"max_new_tokens": NEW_TOKENS, "do_sample": False}
        pipe = pipeline_of(loaded, loaded.tokenizer)
        with loaded.lock:
            by_pipe: Any = pipe(prompt, return_tensors=True, **options)
        yield None
        ids = torch.tensor([loaded.encode(prompt)], device=loaded.device)
        generate: Any = loaded.model.generate  # its stub is a Tensor
        by_hand = generate(ids, attention_mask=torch.ones_like(ids), **options)
        yield BothWays(
            pipeline=tuple(map(int, by_pipe[0]["generated_token_ids"])),
            generate=tuple(by_hand[0].tolist()),
        )

    return job


def pipeline_of(loaded: LoadedModel, tokenizer: PreTrainedTokenizerBase) -> TextGenerationPipeline:
    """Return the library's pipeline around a resident model, which stays where it is."""
    mapped = getattr(loaded.model, "hf_device_map", None)  # accelerate's models stay put
    device = None if mapped else loaded.device
    return TextGenerationPipeline(model=loaded.model, tokenizer=tokenizer, device=device)
