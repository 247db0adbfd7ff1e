"""Rows of a comparison drawn: bars with intervals, which differ, and some of what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from backend.over_a_set import Rate
from backend.shots import answer_of
from demo.widgets.fold import table
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group
from demo.words import Words

SHOWN = 3  # answers of a row
# which rows of a comparison are held against each other, by (name, detail); "" is any
AGAINST: dict[str, tuple[tuple[tuple[str, str], tuple[str, str]], ...]] = {
    "number": ((("number", "0"), ("number", "1")), (("number", "1"), ("number", "8"))),
    "labels": ((("right", "2"), ("wrong", "2")), (("wrong", "2"), ("none", "0"))),
    "choice": ((("random", "1"), ("nearest", "1")), (("random", "2"), ("nearest", "2"))),
    "typo": ((("mended", "2"), ("beautifulday", "2")), (("mended", "2"), ("together", "2"))),
}


@dataclass(kw_only=True)
class Row:
    """One row: its name in the locales, a number or an order, and its answers."""

    name: str
    detail: str
    group: Group


def label_of(words: Words, row: Row) -> str:
    """Return a row's name."""
    return words(f"shots.cond_{row.name}", n=row.detail)


def apart(a: Rate, b: Rate) -> bool:
    """True where two intervals do not overlap."""
    return a.interval[0] > b.interval[1] or b.interval[0] > a.interval[1]


def held_against(kind: str, rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the rows to compare: those of AGAINST, or the best and the worst of a block."""
    if kind == "models":
        blocks = [[r for r in rows if r.name == name] for name in ("pocket-base", "pocket-chat")]
        return [(block[0], block[-1]) for block in blocks]
    if kind == "seeds":
        return [(rows[0], rows[-1])]
    if kind == "form":
        return [(rows[0], rows[1]), (rows[1], rows[2])]
    if kind == "order":
        found = []
        for name in ("filled", "one_blank"):
            block = sorted((r for r in rows if r.name == name), key=lambda r: r.group.rate.share)
            found.append((block[0], block[-1]))
        return found
    named = {(row.name, row.detail): row for row in rows}
    return [(named[a], named[b]) for a, b in AGAINST[kind]]


def verdicts_html(words: Words, kind: str, rows: Sequence[Row]) -> str:
    """Say of each pair of rows whether this set tells them apart."""
    said = []
    for a, b in held_against(kind, rows):
        rates = [(r.group.ended if kind == "form" else r.group.rate) for r in (a, b)]
        key = "differ" if apart(*rates) else "same"
        text = words(
            f"shots.rows_{key}",
            a=label_of(words, a),
            b=label_of(words, b),
            right_a=rates[0].right,
            right_b=rates[1].right,
            total=rates[0].total,
        )
        said.append(f"<li>{escape(text)}</li>")
    return f'<ul class="prose">{"".join(said)}</ul>'


def ends_html(words: Words, rows: Sequence[Row]) -> str:
    """Draw how many answers ended after their line, and how long they were."""
    ended = rate_bars(
        words,
        [(label_of(words, r), r.group.ended) for r in rows if r.group.said],
        words("shots.ended"),
    )
    heads = "".join(f"<th>{escape(words(f'shots.{k}'))}</th>" for k in ("cond", "new_tokens"))
    cells = "".join(
        f"<tr><th>{escape(label_of(words, r))}</th><td>{r.group.new_tokens:.1f}</td></tr>"
        for r in rows
        if r.group.said
    )
    grid = table(words("shots.new_tokens"), f"<tr>{heads}</tr>{cells}")
    return f'<p class="rate-group">{escape(words("shots.ended"))}</p>{ended}{grid}'


def said_html(words: Words, rows: Sequence[Row], questions: Sequence[str]) -> str:
    """Show the first answers of every row, folded."""
    parts = []
    for row in rows:
        lines = "".join(
            f"<tr><td>{escape(questions[i])}</td><td>"
            f"{escape(answer_of(row.group.said[i].text)[0] or words('shots.nothing'))}</td>"
            f"<td>{'○' if row.group.judge(i, row.group.said[i].text) else '×'}</td></tr>"
            for i in range(min(SHOWN, len(questions)))
        )
        parts.append(f'<tr><th colspan="3">{escape(label_of(words, row))}</th></tr>{lines}')
    title = words("shots.said", n=SHOWN)
    grid = table(title, "".join(parts), "grid said")
    return f"<details><summary>{escape(title)}</summary>{grid}</details>"


def rows_html(
    words: Words, kind: str, rows: Sequence[Row], *, questions: Sequence[str] = ()
) -> str:
    """Draw a comparison; with `questions` it is finished, and is also judged and shown."""
    bars = [(label_of(words, r), r.group.rate) for r in rows if r.group.said]
    body = f'<p class="rate-group">{escape(words("shots.right"))}</p>'
    body += rate_bars(words, bars, words("shots.right"))
    if kind == "form":
        body += ends_html(words, rows)
    if questions:
        body += verdicts_html(words, kind, rows) + said_html(words, rows, questions)
    return body
