"""Sentences of the course's section 1, tried on the library as it is (errata 4, 6, 9, 9b)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import TextGenerationPipeline

from backend.models import LoadedModel
from backend.scheduler import Job


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was run, and what came of it, word for word."""

    name: str
    code: str
    result: str


def claims_job(text: str) -> Job:
    """Return a job that yields one Trial per claim; `text` goes to ids and back."""

    def job(loaded: LoadedModel) -> Iterator[Trial]:
        tokenizer, ids = loaded.tokenizer, loaded.encode(text)
        row = torch.tensor([ids], device=loaded.device)
        yield Trial(
            name="singular",
            code="model.generate(ids, max_new_token=5)",
            result=refused(lambda: generate(loaded, row)),
        )
        default = TextGenerationPipeline._default_generation_config.max_new_tokens
        yield Trial(
            name="default", code='pipe("...")  # no limit given', result=f"max_new_tokens={default}"
        )
        manual = (
            "token = tokenizer.tokenize(prompt)\n"
            "input_ids = tokenizer.convert_tokens_to_ids(tokens)"
        )
        names: dict[str, object] = {"tokenizer": tokenizer, "prompt": text}
        with loaded.lock:
            yield Trial(name="names", code=manual, result=refused(lambda: exec(manual, names)))
            pieces = tokenizer.convert_ids_to_tokens(ids)
            whole = tokenizer.decode(ids, skip_special_tokens=True)
        naive = "".join(pieces).replace("\u2581", " ")
        yield Trial(name="join", code="''.join(pieces).replace('\u2581', ' ')", result=repr(naive))
        yield Trial(
            name="decode",
            code="tokenizer.decode(ids, skip_special_tokens=True)",
            result=repr(whole),
        )
        three = ("Ex", "plan", "ation")  # the pieces of line 349
        yield Trial(name="spelling", code=f"''.join({three})", result=repr("".join(three)))

    return job


def generate(loaded: LoadedModel, ids: torch.Tensor) -> object:
    """Call `generate` with the course's name for the limit."""
    misspelt: dict[str, Any] = {"max_new_token": 5}
    return loaded.model.generate(ids, **misspelt)  # type: ignore[operator]  # its stub is a Tensor


def refused(do: Callable[[], object]) -> str:
    """Return the error that a call raises, as Python prints its last line."""
    try:
        do()
    except (ValueError, NameError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
