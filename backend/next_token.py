"""The distribution of the next token after a prompt: one forward as a job, then from a cache."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.lab import Lab
from backend.types import Request, SamplingParams

if TYPE_CHECKING:
    import torch

KEPT = 64  # prompts whose logits are held; 32,000 tokens in fp32 are 125 KiB each


@dataclass(frozen=True, kw_only=True)
class NextToken:
    """The model's logits for what comes after a prompt."""

    model: str
    precision: str
    prompt_tokens: int
    pieces: Sequence[str]  # the vocabulary's spelling of each id
    logits: "torch.Tensor"  # (vocab,) fp32 on CPU


class NextTokens:
    """Answers from a cache shared by all; a prompt costs one forward however often it is asked."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._held: OrderedDict[tuple[object, ...], NextToken] = OrderedDict()
        self._lock = threading.Lock()
        self.forwards = 0

    def __call__(self, prompt: str, model: str = "", *, person: str = "") -> NextToken:
        """Return the next token's logits; the first time blocks for a forward. Raises LabError."""
        from backend.admission import admissible_ids, check_prompt

        check_prompt(prompt)
        loaded = self._lab.engine.model(model)
        request = Request(prompt, SamplingParams(max_new_tokens=1), model=model)
        ids = tuple(admissible_ids(request, loaded))
        key = (loaded.info.model, loaded.info.precision, loaded.info.load_s, ids)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        from backend.scoring import last_logits

        [logits] = self._lab.run(lambda m: last_logits(m, ids), model, person=person)
        found = NextToken(
            model=loaded.info.model,
            precision=loaded.info.precision,
            prompt_tokens=len(ids),
            pieces=loaded.vocabulary.pieces,
            logits=logits.clone(),  # type: ignore[attr-defined]  # what `last_logits` yields
        )
        with self._lock:
            self.forwards += 1
            self._held[key] = found
            if len(self._held) > KEPT:
                self._held.popitem(last=False)
        return found
