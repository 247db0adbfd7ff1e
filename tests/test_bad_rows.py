"""One request that goes wrong is retired with its own error; the others end with the right text."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from backend.automaton import Automaton
from backend.batch import Batch, Turn
from backend.channel import Channel
from backend.errors import LabError
from backend.lab import Lab
from backend.models import LoadedModel
from backend.rows import Ticket
from backend.types import Request, SamplingParams, TokenStep

PROMPT = "Tell me a story about a dragon."


def ticket(
    loaded: LoadedModel, seed: int, *, prompt: str = PROMPT, n: int = 1, temperature: float = 0.9
) -> Ticket:
    params = SamplingParams(
        do_sample=True, temperature=temperature, top_p=0.9, seed=seed, max_new_tokens=20,
        num_return_sequences=n,
    )  # fmt: skip
    return Ticket(
        request=Request(prompt, params),
        loaded=loaded,
        ids=loaded.encode(prompt),
        channel=Channel(limit=1000, update_s=60.0),
        submitted_s=0.0,
    )


def ids(of: Ticket) -> list[tuple[int, int]]:
    return [(step.row, step.token_id) for step in of.channel.take()]


def run(batch: Batch, before_step: Callable[[int], None] = lambda n: None) -> list[Turn]:
    turns: list[Turn] = []
    while not batch.empty:
        before_step(len(turns))
        turns.append(batch.step())
    return turns


@pytest.fixture(scope="module")
def loaded(lab: Lab) -> LoadedModel:
    return lab.engine.model()


@pytest.fixture(scope="module")
def alone(loaded: LoadedModel) -> list[list[tuple[int, int]]]:
    """The ids of three requests, each by itself."""
    found = []
    for made in three(loaded):
        batch = Batch(loaded)
        batch.join(made)
        run(batch)
        found.append(ids(made))
    return found


def three(loaded: LoadedModel) -> list[Ticket]:
    return [ticket(loaded, 1), ticket(loaded, 2, n=2), ticket(loaded, 3)]


def others_are_right(
    tickets: list[Ticket], alone: list[list[tuple[int, int]]], turns: list[Turn]
) -> BaseException:
    """Check the first and the third, and return what the second failed with."""
    [(bad, error)] = [pair for turn in turns for pair in turn.failed]
    assert bad is tickets[1]
    assert [t for turn in turns for t in turn.ended] != []
    assert (ids(tickets[0]), ids(tickets[2])) == (alone[0], alone[2])
    return error


def joined(loaded: LoadedModel) -> tuple[Batch, list[Ticket]]:
    batch, tickets = Batch(loaded), three(loaded)
    for one in tickets:
        batch.join(one)
    return batch, tickets


def test_a_row_of_nans(loaded: LoadedModel, alone: list) -> None:
    batch, tickets = joined(loaded)

    def poison(n: int) -> None:
        if n == 5:
            row = tickets[1].rows[1]
            cache = row.slots.cache
            cache.values[0][row.slots.rows.index(row)] = torch.nan

    with torch.inference_mode():
        turns = run(batch, poison)
    error = others_are_right(tickets, alone, turns)
    assert isinstance(error, LabError)
    assert error.code == "not_a_number"


def test_the_place_of_a_bad_row_can_be_used_again(loaded: LoadedModel, alone: list) -> None:
    batch, tickets = joined(loaded)
    with torch.inference_mode():
        while not tickets[1].output_tokens:
            batch.step()
        for row in tickets[1].rows:
            for values in row.slots.cache.values:
                values[row.slots.rows.index(row)] = torch.nan
        later = ticket(loaded, 2, n=2)

        def join(n: int) -> None:
            if n == 1:  # at once: as many rows as before, so that the storage stays
                batch.join(later)

        turns = run(batch, join)
    assert [bad for turn in turns for bad, _ in turn.failed] == [tickets[1]]
    assert (ids(later), ids(tickets[2])) == (alone[1], alone[2])


class Raises(Automaton):
    """A constraint whose mask is a bug."""

    def __init__(self, of: LoadedModel) -> None:
        self.vocab = of.info.vocab_size
        self._ends = (False,)

    def forbidden(self, state: int, device: torch.device) -> torch.Tensor:  # type: ignore[override]
        raise ZeroDivisionError


def test_a_processor_that_raises(loaded: LoadedModel, alone: list) -> None:
    batch, tickets = joined(loaded)
    tickets[1].automaton = Raises(loaded)
    assert isinstance(others_are_right(tickets, alone, run(batch)), ZeroDivisionError)


def test_a_reader_that_raises(loaded: LoadedModel, alone: list) -> None:
    batch, tickets = joined(loaded)

    def wake() -> None:
        raise ConnectionResetError

    tickets[1].channel.listen(wake)
    assert isinstance(others_are_right(tickets, alone, run(batch)), ConnectionResetError)


def test_a_row_that_the_model_cannot_run(loaded: LoadedModel, alone: list) -> None:
    batch, tickets = joined(loaded)
    forward = batch._forward._logits

    def fussy(parts: list) -> torch.Tensor:
        if any(row.ticket is tickets[1] and row.new_tokens > 3 for p in parts for row in p.rows):
            raise RuntimeError("out of memory")
        return forward(parts)

    batch._forward._logits = fussy  # type: ignore[method-assign]
    assert isinstance(others_are_right(tickets, alone, run(batch)), RuntimeError)


def test_where_every_row_fails_it_is_the_model(loaded: LoadedModel) -> None:
    batch, _ = joined(loaded)
    while batch.reads:  # one prompt for all: who waits to copy it is in no forward
        batch.step()
    batch._forward._logits = lambda _: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        batch.step()


def test_a_long_prompt_is_read_in_pieces_beside_the_others(
    loaded: LoadedModel, alone: list
) -> None:
    batch, tickets = joined(loaded)
    long = ticket(loaded, 3, prompt=" ".join([PROMPT] * 115))
    assert len(long.ids) > 900
    steps_before_its_first = 0

    def join(n: int) -> None:
        nonlocal steps_before_its_first
        if n == 3:
            batch.join(long)
        if n > 3 and not long.rows[0].new_tokens if long.rows else False:
            steps_before_its_first += 1

    turns = run(batch, join)
    assert steps_before_its_first >= 17  # all that the others had left
    assert all(turn.size for turn in turns[1:18])  # nobody stood still for it
    assert [ids(t) for t in tickets] == alone
    whole = Batch(loaded)
    again = ticket(loaded, 3, prompt=" ".join([PROMPT] * 115))
    whole.join(again)
    run(whole)
    assert ids(again) == ids(long)


def test_short_prompts_overtake_a_long_one(loaded: LoadedModel) -> None:
    batch = Batch(loaded)
    running, long = ticket(loaded, 1), ticket(loaded, 2, prompt=" ".join([PROMPT] * 115))
    batch.join(running)
    batch.step()
    batch.join(long)
    short = ticket(loaded, 3)
    batch.join(short)
    for _ in range(4):
        batch.step()
    assert short.output_tokens
    assert not long.output_tokens


def test_newcomers_have_every_other_step(loaded: LoadedModel, alone: list) -> None:
    batch, (running, *_) = Batch(loaded), three(loaded)
    batch.join(running)
    batch.step()
    newcomers, counts = [ticket(loaded, 2, n=2) for _ in range(6)], []
    for newcomer in newcomers:
        batch.join(newcomer)
        counts.append((batch.step().size, running.output_tokens))
    # a step for one newcomer, then one for all with the next newcomer among them
    assert counts == [(2, 1), (5, 2), (2, 2), (9, 3), (2, 3), (13, 4)]
    run(batch)
    assert ids(running) == alone[0]
    assert [ids(newcomer) for newcomer in newcomers] == [alone[1]] * 6


def test_each_bucket_is_charged_by_itself(loaded: LoadedModel) -> None:
    batch = Batch(loaded)
    for seed in range(7):
        batch.join(ticket(loaded, seed))
    long = ticket(loaded, 9, prompt=" ".join([PROMPT] * 115))
    one = Batch(loaded).bytes_with(ticket(loaded, 1))
    assert batch.bytes_with(long) == 7 * one + 4 * one  # 1,024 positions are four times 256
    batch.join(long)
    batch.step()
    assert batch.nbytes == batch.bytes_with() == 11 * one


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_thread_is_replaced(lab: Lab) -> None:
    def deadly(loaded: LoadedModel):  # type: ignore[no-untyped-def]
        raise SystemExit
        yield

    before = lab.status().restarts_total
    with pytest.raises(LabError) as raised:
        list(lab.run(deadly))
    assert raised.value.code == "engine_stopped"
    assert lab.status().restarts_total == before + 1
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=3))[0].finish_reason == "length"


def test_a_silent_thread_is_told_of_once(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    scheduler = lab.engine.scheduler
    hold = [True]

    def slow(loaded: LoadedModel):  # type: ignore[no-untyped-def]
        while hold[0]:
            time.sleep(0.01)
        yield 1

    watchdog, found = scheduler._watchdog, list[BaseException]()
    channel = scheduler.run(lab.engine.model(), slow)
    while not scheduler.announced:
        time.sleep(0.01)
    assert lab.ready()[0]
    watchdog.look(time.time() + 100)  # announced: it may take its time
    assert channel.error is None
    watchdog.look(time.time() + 1000)
    watchdog.look(time.time() + 1000)
    assert isinstance(channel.error, LabError)
    told = [record for record in caplog.records if "silent" in record.message]
    assert len(told) == 1
    assert "in slow" in told[0].message  # the stack says where it stands
    hold[0] = False
    assert lab.generate(PROMPT, SamplingParams(max_new_tokens=3))[0].finish_reason == "length"
    assert not found
    watchdog.look(time.time())


def test_nothing_is_said_of_a_thread_that_beats(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.engine.model()
    lab.engine.scheduler._watchdog.look(time.time())
    assert not caplog.records


def test_records_are_made_when_somebody_looks(lab: Lab) -> None:
    [generation] = lab.generate(PROMPT, SamplingParams(max_new_tokens=2, num_alternatives=3))
    step: TokenStep = generation.steps[0]
    first, *rest = step.alternatives
    assert len(rest) == 2
    assert step.alternatives[0] == first == step.alternatives[-3]
    assert step.alternatives[:2] == (first, rest[0])
    assert step.alternatives == (first, *rest)
    assert hash(step) == hash(replace(step, alternatives=(first, *rest)))
    with pytest.raises(IndexError):
        step.alternatives[3]
