"""A success rate as a bar with its interval: how many of how many, never one sample."""

from collections.abc import Sequence
from html import escape

from backend.over_a_set import Rate
from demo.words import Words


def rate_bars(words: Words, rows: Sequence[tuple[str, Rate]], label: str) -> str:
    """Draw one bar per row (name, rate), with the count and the 95 % interval in words."""
    drawn = []
    for name, rate in rows:
        low, high = rate.interval
        said = words(
            "rate.said",
            right=rate.right,
            total=rate.total,
            share=f"{100 * rate.share:.0f}",
            low=f"{100 * low:.0f}",
            high=f"{100 * high:.0f}",
        )
        drawn.append(
            f'<li><span class="name">{escape(name)}</span><span class="rate" aria-hidden="true">'
            f'<i style="width:{100 * rate.share:.1f}%"></i>'
            f'<b style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></b></span>'
            f'<span class="num">{escape(said)}</span></li>'
        )
    return f'<ul class="rates" aria-label="{escape(label)}">{"".join(drawn)}</ul>'
