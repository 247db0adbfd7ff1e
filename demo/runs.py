"""What one open page has generated: its runs, and how a run branches off another."""

import dataclasses
from dataclasses import dataclass, field

from backend.lab import Lab
from backend.types import SamplingParams, TokenRecord, TokenStep

MOST_BRANCHES = 8


@dataclass(kw_only=True)
class Run:
    """One continuation of a prompt. `given` are the ids it was told to go on from."""

    prompt: str
    model: str
    params: SamplingParams
    tokens: list[TokenRecord]  # the prompt's
    steps: list[TokenStep] = field(default_factory=list)
    given: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """What was generated, on one line."""
        return " ".join(b"".join(step.data for step in self.steps).decode(errors="replace").split())

    @property
    def limit(self) -> int:
        """The most new tokens, those given counted in."""
        return len(self.given) + self.params.max_new_tokens


@dataclass(kw_only=True)
class Desk:
    """The branches of one prompt, and which of them is shown."""

    runs: list[Run] = field(default_factory=list)
    shown: int = 0
    number: int = 0  # of drawings ever, so that the strip knows a new one

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        return self.runs[self.shown] if self.runs else None

    def begin(self, run: Run) -> None:
        """Start over with a new prompt."""
        self.runs, self.shown, self.number = [run], 0, self.number + 1

    def show(self, index: int) -> Run | None:
        """Show another branch, if there is one."""
        if not 0 <= index < len(self.runs):
            return None
        self.shown, self.number = index, self.number + 1
        return self.runs[index]

    def fork(self, lab: Lab, index: int, token_id: int) -> Run | None:
        """Begin a branch at step `index` of the run shown, with one of its alternatives."""
        origin = self.run
        if origin is None or not 0 <= index < min(len(origin.steps), origin.limit - 1):
            return None
        old = origin.steps[index]
        found = next((c for c in old.alternatives if c.token_id == token_id), None)
        if found is None:
            return None
        vocabulary = lab.engine.model(origin.model).vocabulary
        step = dataclasses.replace(
            old,
            token_id=token_id,
            piece=found.text,
            data=vocabulary.data(token_id),
            logprob=found.logprob,
            prob=found.prob,
            finish_reason=None,
        )
        steps = [*origin.steps[:index], step]
        left = origin.limit - len(steps)
        run = dataclasses.replace(
            origin,
            steps=steps,
            given=tuple(s.token_id for s in steps),
            params=dataclasses.replace(origin.params, max_new_tokens=left),
        )
        self.runs = [*self.runs, run][-MOST_BRANCHES:]
        self.shown, self.number = len(self.runs) - 1, self.number + 1
        return run
