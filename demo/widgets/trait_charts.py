"""Small charts, one per trait: the share of answers with its marker against the level."""

from collections.abc import Mapping, Sequence
from html import escape

from backend.over_a_set import Rate
from backend.personas import LEVELS
from demo.widgets.marks import heading
from demo.words import Words
from pocket.voices import MARKERS, TRAITS

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 220, 130, 34, 8, 22


def charts_html(shares: Mapping[str, Sequence[Rate]], words: Words) -> str:
    """Draw the traits that were measured, with the figures below each."""
    charts = "".join(chart(trait, shares[trait], words) for trait in TRAITS if trait in shares)
    return (
        heading(words("chat.traits_title"), words, "measured")
        + f'<ul class="traits">{charts}</ul>'
        + f'<div class="src">{escape(words("chat.traits_note"))}</div>'
    )


def chart(trait: str, rates: Sequence[Rate], words: Words) -> str:
    """One trait: shares with their intervals, and what the training text had."""
    name = words(f"fields.{trait}")
    figures = [
        words(
            "chat.level_said",
            level=level,
            share=f"{100 * rate.share:.0f}",
            low=f"{100 * rate.interval[0]:.0f}",
            high=f"{100 * rate.interval[1]:.0f}",
            n=rate.total,
        )
        for level, rate in zip(LEVELS, rates)
        if rate.total
    ]
    points = [(x_of(level), rate) for level, rate in zip(LEVELS, rates) if rate.total]
    grown = f"{x_of(LEVELS[0])},{y_of(0)} {x_of(LEVELS[-1])},{y_of(1)}"
    line = " ".join(f"{x:.1f},{y_of(rate.share):.1f}" for x, rate in points)
    spans = "".join(
        f'<path class="span" d="M{x:.1f} {y_of(rate.interval[0]):.1f}V'
        f'{y_of(rate.interval[1]):.1f}"/><circle cx="{x:.1f}" cy="{y_of(rate.share):.1f}" r="3.5"/>'
        for x, rate in points
    )
    axis = "".join(
        f'<path class="axis" d="M{LEFT} {y_of(share):.1f}H{WIDTH - 8}"/>'
        f'<text x="{LEFT - 4}" y="{y_of(share) + 3.5:.1f}" text-anchor="end">{share:.0%}</text>'
        for share in (0.0, 0.5, 1.0)
    ) + "".join(
        f'<text x="{x_of(level):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{level}</text>'
        for level in LEVELS
    )
    return (
        f'<li><b>{escape(name)}</b> <q lang="en">{escape(MARKERS[trait])}</q>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">{axis}'
        f'<polyline class="grown" points="{grown}"/>'
        f'<polyline class="share" points="{line}"/>{spans}</svg>'
        f'<div class="num">{"<br>".join(map(escape, figures))}</div></li>'
    )


def x_of(level: int) -> float:
    """The place of a level on the picture."""
    return LEFT + 12 + (WIDTH - LEFT - 32) * (level - LEVELS[0]) / (LEVELS[-1] - LEVELS[0])


def y_of(share: float) -> float:
    """The place of a share on the picture."""
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share
