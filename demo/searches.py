"""One prompt decoded several ways: greedy, by beams, exactly; what the page keeps of each."""

import contextlib
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from backend.beams import BeamParams, BeamStep
from backend.lab import Lab
from backend.types import SamplingParams, TokenStep
from demo.jobs import turns

SAME = 1e-3  # sums nearer than this are called the same
CASES = (  # tried in order, until one shows what is asked for
    "Once upon a time",
    "Tell me a story about a cat.",
    "Tell me a story about a king.",
    "There was once",
    "The dragon",
    "Every night,",
    "Long ago, a brave",
    "One morning, the little bird",
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One decoded sequence: its ids with the end token, what each cost, how it is read."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    logprobs: tuple[float, ...]
    text: str
    ended: bool  # by the end token, else cut off at the limit

    @property
    def total(self) -> float:
        """The sum of log-probabilities."""
        return math.fsum(self.logprobs)

    def score(self, penalty: float) -> float:
        """The sum / tokens ** penalty."""
        return self.total / len(self.ids) ** penalty


@dataclass(kw_only=True)
class Search:
    """What one open page has searched last."""

    prompt: str
    model: str
    params: BeamParams
    greedy: Line
    steps: list[BeamStep] = field(default_factory=list)
    beams: list[Line] = field(default_factory=list)  # finished, the best first

    @property
    def gain(self) -> float:
        """How much higher the best beam's sum is than greedy's."""
        return self.beams[0].total - self.greedy.total if self.beams else -math.inf


@dataclass(kw_only=True)
class Desk:
    """What one open page has searched last."""

    found: Search | None = None


def line(lab: Lab, model: str, ids: tuple[int, ...], logprobs: tuple[float, ...]) -> Line:
    """Return a sequence of ids as it is read."""
    loaded = lab.engine.model(model)
    return Line(
        ids=ids,
        pieces=tuple(loaded.vocabulary.pieces[i] for i in ids),
        logprobs=logprobs,
        text=lab.decode(ids, skip_special_tokens=True, model=model),
        ended=bool(ids) and ids[-1] in loaded.end_ids,
    )


async def rows_of(
    lab: Lab, prompt: str, params: SamplingParams, *, model: str, person: str
) -> list[list[TokenStep]]:
    """Return the steps of each returned sequence; cancelling it frees the rows."""
    rows: list[list[TokenStep]] = [[] for _ in range(params.num_return_sequences)]
    stream = lab.astream(
        prompt, params, model=model, person=person, operation="sample", patient=True
    )
    async with contextlib.aclosing(stream):
        async for step in stream:
            rows[step.row].append(step)
    return rows


def line_of(lab: Lab, model: str, steps: list[TokenStep]) -> Line:
    """Return a row of the engine as a Line."""
    ids = tuple(step.token_id for step in steps)
    return line(lab, model, ids, tuple(step.logprob for step in steps))


async def greedy_line(lab: Lab, prompt: str, new: int, *, model: str, person: str) -> Line:
    """Decode greedily."""
    params = SamplingParams(max_new_tokens=new)
    [steps] = await rows_of(lab, prompt, params, model=model, person=person)
    return line_of(lab, model, steps)


async def search(
    lab: Lab, prompt: str, params: BeamParams, *, model: str, person: str
) -> AsyncGenerator[Search, None]:
    """Yield the search as it grows: greedy at once, then the tree; the last has the beams."""
    from backend.decoding import beam_search

    greedy = await greedy_line(lab, prompt, params.max_new_tokens, model=model, person=person)
    found = Search(prompt=prompt, model=model, params=params, greedy=greedy)
    ids = [record.id for record in lab.tokenize(prompt, model)]
    job = turns(lab, lambda loaded: beam_search(loaded, ids, params), model, person=person)
    async with contextlib.aclosing(job):
        async for items in job:
            found.steps += [item for item in items if isinstance(item, BeamStep)]
            yield found
    best = found.steps[-1].finished
    found.beams = [line(lab, model, h.ids, h.logprobs) for h in best]
    yield found


async def searched(lab: Lab, prompt: str, params: BeamParams, *, model: str, person: str) -> Search:
    """Return a search once it is done."""
    last: Search | None = None
    searching = search(lab, prompt, params, model=model, person=person)
    async with contextlib.aclosing(searching):
        async for found in searching:
            last = found
    assert last is not None, "a search yields at least its end"
    return last


async def first_case(
    lab: Lab, sign: int, params: BeamParams, *, model: str, person: str
) -> AsyncGenerator[tuple[str, bool], None]:
    """Yield each prompt that is tried and if it is one where the beam (1) or greedy (-1) wins.

    Sums are compared only between sequences of the same length; it ends with the first such.
    """
    for text in CASES:
        yield text, False
        found = await searched(lab, text, params, model=model, person=person)
        if len(found.beams[0].ids) == len(found.greedy.ids) and sign * found.gain > SAME:
            yield text, True
            return
