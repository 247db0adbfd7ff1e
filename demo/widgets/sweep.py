"""Temperature x top-p as small multiples: diversity against quality, and the course's six settings.

Every cell is one seeded request, shared by all who ask for the same (`Cells`).
"""

import asyncio
import dataclasses
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import gradio as gr

from backend.diversity import chosen_tokenizer
from backend.errors import LabError
from backend.lab import Lab
from backend.types import Generation, SamplingParams
from backend.updates import generation
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.widgets import marks
from demo.widgets.fold import fold
from demo.widgets.sample_views import columns
from demo.widgets.self_bleu_view import Measured, measure
from demo.widgets.settings_row import read
from demo.widgets.sweep_views import RECORDED, grid_html, recorded_html
from demo.words import Words

TEMPERATURES = (0.1, 0.8, 1.5, 10.0)
TOP_PS = (0.1, 0.5, 0.9, 1.0)
ONLY = 0.9999  # a probability after the filters that leaves nothing to draw
AT_ONCE, ROWS = 2, 16  # requests and rows of one person that run together (DESIGN 4.2)
PROGRESS_S = 0.5  # also how soon it is seen that somebody has left
OPEN = """
element.addEventListener('click', (event) => {
  const cell = event.target.closest('[data-cell]');
  if (cell) trigger('select', { index: +cell.dataset.cell });
});
"""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The result of one setting; `measured` is None with fewer than two texts that say anything."""

    params: SamplingParams
    generations: tuple[Generation, ...]
    measured: Measured | None

    @property
    def self_bleu(self) -> float:
        """All references, prompt removed; 100 where there is nothing to compare."""
        return self.measured.self_bleu if self.measured else 100.0

    @property
    def logprob(self) -> float:
        """Mean raw log-probability of a token, in nats."""
        steps = [step.logprob for made in self.generations for step in made.steps]
        return sum(steps) / len(steps)

    @property
    def one_left(self) -> float:
        """Share of the tokens that were the only one the filters left."""
        probs = [step.prob for made in self.generations for step in made.steps]
        return (
            math.nan if any(map(math.isnan, probs)) else sum(p > ONLY for p in probs) / len(probs)
        )


async def cell_of(lab: Lab, prompt: str, model: str, params: SamplingParams, person: str) -> Cell:
    """Return the cell of a setting, run for `person` if nobody has run it. Raises LabError."""
    key: tuple[object, ...] = (model, "remote", prompt, params)
    if lab.can("jobs"):
        info = (await asyncio.to_thread(lab.engine.model, model)).info
        key = (info.model, info.precision, info.load_s, prompt, params)

    async def run() -> Cell:
        made = await generated(lab, prompt, model, params, person)
        texts, rows = [g.text for g in made], [g.steps for g in made]
        try:
            # from the prompt, so that all cells of a sweep are counted alike
            tokenizer = chosen_tokenizer([prompt])
            measured = await asyncio.to_thread(measure, prompt, texts, rows, tokenizer=tokenizer)
        except LabError:  # all but one text are empty: shown as such
            measured = None
        return Cell(params=params, generations=tuple(made), measured=measured)

    tokens = params.num_return_sequences * params.max_new_tokens
    cell = await lab.cells.get(key, run, weight=tokens + len(prompt))  # the key is kept too
    assert isinstance(cell, Cell)
    return cell


async def generated(
    lab: Lab,
    prompt: str,
    model: str,
    params: SamplingParams,
    person: str,
) -> list[Generation]:
    """The same as `lab.generate`, freed when the task that awaits it is cancelled."""
    rows: list[list] = [[] for _ in range(params.num_return_sequences)]
    updates = lab.aupdates(
        prompt,
        params,
        model=model,
        person=person,
        operation="generate",
        update_s=60.0,
        patient=True,
    )
    try:
        async for update in updates:
            for step in update.steps:
                rows[step.row].append(step)
    finally:
        await updates.aclose()
    return [generation(steps, 0) for steps in rows]


def sweep_panel(
    lab: Lab,
    identity: Identity,
    words: Words,
    asked: Sequence[gr.components.Component],
) -> None:
    """Draw both panels; `asked` are prompt, model, N and the settings row."""
    found = gr.State([])
    with fold(words, "sweep.title", "core", "samples-sweep"):
        gr.Markdown(words("sweep.what"))
        with gr.Row(elem_classes="tools"):
            begin = gr.Button(words("sweep.go"), elem_id="samples-sweep-go")
            halt = gr.Button(words("stop"), elem_id="samples-sweep-stop")
        status = gr.HTML(marks.say(), elem_id="samples-sweep-status")
        grid = gr.HTML("", js_on_load=OPEN, elem_id="samples-sweep-grid")
        opened = gr.HTML(marks.say(words("sweep.open")), elem_id="samples-sweep-opened")
    with fold(words, "sweep.recorded_title", "core", "samples-recorded"):
        gr.Markdown(words("sweep.recorded_what"))
        with gr.Row(elem_classes="tools"):
            beside = gr.Button(words("sweep.recorded_go"), elem_id="samples-recorded-go")
            halt_beside = gr.Button(words("stop"), elem_id="samples-recorded-stop")
        beside_status = gr.HTML(marks.say(), elem_id="samples-recorded-status")
        recorded = gr.HTML(recorded_html({}, words), elem_id="samples-recorded-table")

    async def several(
        prompt: str, model: str, wanted: Sequence[SamplingParams], person: str
    ) -> AsyncIterator[dict[int, Cell]]:
        """Yield what there is of the wanted cells, by index, at least every half second."""
        rows = wanted[0].num_return_sequences
        places = asyncio.Semaphore(max(1, min(AT_ONCE, ROWS // rows)))

        async def one(params: SamplingParams) -> Cell:
            async with places:
                return await cell_of(lab, prompt, model, params, person)

        tasks = [asyncio.create_task(one(params)) for params in wanted]
        try:
            waiting: set[asyncio.Task[Cell]] = set(tasks)
            while waiting:
                _, waiting = await asyncio.wait(
                    waiting, timeout=PROGRESS_S, return_when=asyncio.FIRST_COMPLETED
                )
                yield {i: task.result() for i, task in enumerate(tasks) if task.done()}
        finally:
            for task in tasks:
                task.cancel()

    def base(n: float, values: Sequence[object]) -> SamplingParams:
        params = read(*values)  # type: ignore[arg-type]
        return dataclasses.replace(
            params,
            do_sample=True,
            num_return_sequences=n,  # type: ignore[arg-type]
            num_alternatives=0,
        )

    async def sweep(
        prompt: str, model: str, n: float, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        try:
            one = base(n, values)
            wanted = [
                dataclasses.replace(one, temperature=t, top_p=p)
                for t in TEMPERATURES
                for p in TOP_PS
            ]
            began, done = lab.cells.runs, dict[int, Cell]()
            yield {status: marks.say(words("waiting.start"))}
            async for done in several(prompt, model, wanted, person_of(identity, request)):
                said = words("sweep.running", n=len(done), of=len(wanted))
                yield {
                    found: [done.get(i) for i in range(len(wanted))],
                    grid: grid_html(done, TEMPERATURES, TOP_PS, words),
                    status: marks.say(said),
                }
            new = lab.cells.runs - began
            said = words("sweep.done", of=len(wanted), n=one.num_return_sequences, new=new)
            yield {status: marks.say(said)}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    async def measured_here(
        prompt: str, model: str, n: float, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        try:
            one = dataclasses.replace(base(3, values), top_k=0, epsilon_cutoff=0.0)
            wanted = [
                dataclasses.replace(one, top_p=row.top_p, temperature=row.temperature)
                for row in RECORDED
            ]
            done = dict[int, Cell]()
            async for done in several(prompt, model, wanted, person_of(identity, request)):
                yield {
                    recorded: recorded_html(done, words),
                    beside_status: marks.say(words("sweep.running", n=len(done), of=len(wanted))),
                }
            yield {beside_status: marks.say(words("sweep.recorded_done", seed=one.seed))}
        except LabError as error:
            yield {beside_status: marks.say(words.error(error), bad=True)}

    def show(cells_found: list[Cell | None], event: gr.EventData) -> str:
        index = int(event.index)
        cell = cells_found[index] if 0 <= index < len(cells_found) else None
        if cell is None:
            return marks.say(words("sweep.not_yet"))
        p = cell.params
        title = words("sweep.opened", temperature=p.temperature, top_p=p.top_p, seed=p.seed)
        rows = [made.steps for made in cell.generations]
        return marks.heading(title, words, "measured") + columns(rows, words, done=True)

    swept = begin.click(sweep, list(asked), [found, grid, status], **QUIET)
    compared = beside.click(measured_here, list(asked), [recorded, beside_status], **QUIET)
    grid.select(show, found, opened, **QUIET)
    said = marks.say(words("sweep.stopped"))
    when_stopped(halt, [swept], lambda: said, [], [status])
    when_stopped(halt_beside, [compared], lambda: said, [], [beside_status])
