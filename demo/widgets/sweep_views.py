"""The sweep's small multiples and the course's six settings, as HTML and inline SVG."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from backend.diversity import References
from demo.widgets.fold import table
from demo.widgets.marks import heading, number
from demo.words import Words

if TYPE_CHECKING:
    from demo.widgets.sweep import Cell

WIDTH, HEIGHT, EDGE = 92, 54, 5
WORST = -12.0  # nats at the bottom of a cell's picture; lower values stand on the edge


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One setting of the course on Llama-2-7b-chat: mean Self-BLEU of its three printed texts.

    `printed` is the course's own figure (first other text only, prompt kept); the rest follows
    from its texts (errata 1, 2). A test recomputes all four.
    """

    top_p: float
    temperature: float
    printed: float
    kept_all: float
    removed_first: float
    removed_all: float
    twins: int  # texts that equal an earlier one
    line: int  # of the course


RECORDED = (
    Recorded(top_p=0.9, temperature=0.8, printed=23.46, kept_all=33.36, removed_first=16.25,
             removed_all=27.72, twins=0, line=480),
    Recorded(top_p=0.1, temperature=0.8, printed=100.0, kept_all=100.0, removed_first=100.0,
             removed_all=100.0, twins=2, line=494),
    Recorded(top_p=0.5, temperature=0.8, printed=43.82, kept_all=67.13, removed_first=39.72,
             removed_all=64.15, twins=0, line=508),
    Recorded(top_p=0.5, temperature=0.1, printed=61.42, kept_all=80.71, removed_first=58.61,
             removed_all=79.30, twins=1, line=522),
    Recorded(top_p=0.5, temperature=1.5, printed=15.75, kept_all=35.31, removed_first=6.25,
             removed_all=28.96, twins=0, line=536),
    Recorded(top_p=1.0, temperature=10.0, printed=9.80, kept_all=10.63, removed_first=1.83,
             removed_all=2.13, twins=0, line=550),
)  # fmt: skip
READINGS: tuple[tuple[bool, References], ...] = (
    (False, "first"),
    (False, "all"),
    (True, "first"),
    (True, "all"),
)


def place(self_bleu: float, logprob: float) -> tuple[float, float]:
    """Return x, y in a cell's picture: diverse is left, probable is up."""
    x = EDGE + (WIDTH - 2 * EDGE) * self_bleu / 100
    y = EDGE + (HEIGHT - 2 * EDGE) * (1 if math.isnan(logprob) else min(logprob / WORST, 1))
    return round(x, 1), round(y, 1)


def grid_html(
    done: Mapping[int, "Cell"], temperatures: Sequence[float], top_ps: Sequence[float], words: Words
) -> str:
    """One picture per cell, all others in grey behind its own point; each cell is a button."""
    dots = {i: place(cell.self_bleu, cell.logprob) for i, cell in done.items()}
    head = "".join(f'<th scope="col">top_p {p}</th>' for p in top_ps)
    rows = ""
    for r, temperature in enumerate(temperatures):
        cells = ""
        for c in range(len(top_ps)):
            index = r * len(top_ps) + c
            cells += f"<td>{cell_html(index, done.get(index), dots, words)}</td>"
        rows += f'<tr><th scope="row">T {temperature}</th>{cells}</tr>'
    return (
        heading(words("sweep.grid"), words, "measured", counted(done, words))
        + table(words("sweep.grid"), f"<tr><td></td>{head}</tr>{rows}", "sweep")
        + f'<div class="src">{escape(words("sweep.axes"))}</div>'
    )


def counted(done: Mapping[int, "Cell"], words: Words) -> str:
    """Say N and the tokenizer of the cells, and what the dots are."""
    cell = next((cell for cell in done.values() if cell.measured), None)
    n = cell.params.num_return_sequences if cell else 0
    tokenizer = cell.measured.tokenizer if cell and cell.measured else "–"
    return words("sweep.grid_note", n=n or "–", tokenizer=tokenizer)


def cell_html(
    index: int, cell: "Cell | None", dots: Mapping[int, tuple[float, float]], words: Words
) -> str:
    """One cell's button: its point among the others, its two numbers, duplicates."""
    if cell is None:
        return '<span class="hole"></span>'
    others = "".join(
        f'<circle cx="{x}" cy="{y}" r="2" class="other"/>'
        for i, (x, y) in dots.items()
        if i != index
    )
    x, y = dots[index]
    twins = cell.measured.companions.duplicates if cell.measured else 0
    note = f'<span class="twins">{escape(words("sweep.twins", n=twins))}</span>' if twins else ""
    return (
        f'<button type="button" data-cell="{index}"><svg viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' aria-hidden="true"><path d="M{EDGE} 1V{HEIGHT - EDGE}H{WIDTH - 1}"/>{others}'
        f'<circle cx="{x}" cy="{y}" r="4.5" class="mine"/></svg>'
        f"<span>{cell.self_bleu:.1f} / {number(cell.logprob, '.2f')}{note}</span></button>"
    )


def recorded_html(done: Mapping[int, "Cell"], words: Words) -> str:
    """The course's six settings in four readings, and what the model here gives at each."""
    names = ("printed", "kept_all", "removed_first", "removed_all")
    heads = [words(f"sweep.{name}") for name in names]
    heads += [words(f"samples.{name}") for name in ("duplicates", "logprob")] + [
        words("sweep.alone")
    ]
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in heads)
    body = f"<tr><td></td><td></td>{titles}</tr>"
    for i, row in enumerate(RECORDED):
        values = (row.printed, row.kept_all, row.removed_first, row.removed_all)
        was = "".join(f'<td class="was">{value:.2f}</td>' for value in values)
        cell = done.get(i)
        name = f"top_p {row.top_p}, T {row.temperature}"
        course = escape(words("sweep.course", line=row.line))
        body += f'<tr><th scope="row" rowspan="{2 if cell else 1}">{name}</th>'
        body += f'<th>{course}</th>{was}<td class="was">{row.twins}</td><td>–</td><td>–</td></tr>'
        if cell:
            body += f"<tr><th>{escape(words('sweep.here'))}</th>{here_cells(cell)}</tr>"
    title = words("sweep.recorded_table")
    note = words("sweep.recorded_note")
    return heading(title, words, "recorded", note) + table(title, body, "grid recorded")


def here_cells(cell: "Cell") -> str:
    """A setting's four readings, duplicates, mean log-prob, share of tokens without a choice."""
    measured = cell.measured
    shown = [f"{statistics.fmean(measured.scores[r]):.2f}" if measured else "–" for r in READINGS]
    shown.append(str(measured.companions.duplicates) if measured else "–")
    return "".join(
        f'<td class="new">{value}</td>'
        for value in (
            *shown,
            number(cell.logprob, ".2f"),
            f"{number(100 * cell.one_left, '.0f')} %",
        )
    )
