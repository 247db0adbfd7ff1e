"""What the machine does now, as HTML: numbers, memory against the limit, steps, one's own place."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from backend.ledger import Component, Ledger
from backend.queueing import Place
from backend.types import StreamUpdate
from demo.waiting import waiting_text
from demo.widgets.fold import table
from demo.widgets.memory_stack import size
from demo.words import Words

if TYPE_CHECKING:
    from demo.live import Look

COMPONENTS: tuple[Component, ...] = ("weights", "quant_state", "kv_cache", "activations", "other")
NONE = "–"


def now_html(look: "Look", queue_limit: int, words: Words) -> str:
    """The facts, the largest first, and the last minute as a line."""
    stats = look.stats
    first = NONE if look.first_token_s is None else seconds(look.first_token_s)
    facts = (
        ("tokens_per_s", rate(look.tokens_per_s)),
        ("rows", rate(look.rows_per_step)),
        ("steps_per_s", rate(look.steps_per_s)),
        ("first", first),
        ("running", f"{stats.active_streams}"),
        ("waiting", f"{stats.queue_depth} / {queue_limit}"),
        ("people", f"{look.people}"),
    )
    drawn = "".join(
        f'<div class="fact {name}"><dt>{escape(words(f"monitor.{name}"))}</dt>'
        f"<dd>{escape(shown)}</dd></div>"
        for name, shown in facts
    )
    return f'<dl class="facts">{drawn}</dl>{minute(look.history, words)}'


def minute(rates: Sequence[float], words: Words) -> str:
    """Tokens per second in the last minute; the newest is at the right."""
    most = max(rates, default=None)
    now = rates[-1] if rates else None
    label = words("monitor.minute", now=rate(now), most=rate(most))
    points = " ".join(
        f"{300 - 5 * n},{38 - 34 * one / (most or 1):.1f}"
        for n, one in enumerate(reversed(rates[-60:]))
    )
    return (
        f'<svg class="minute" viewBox="0 0 300 40" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}"><path d="M0 38.5H300"/><polyline points="{points}"/></svg>'
        f'<div class="src">{escape(label)}</div>'
    )


def memory_html(ledger: Ledger, words: Words) -> str:
    """Each device as a bar of this process's components and the others', and tables of both."""
    return "".join(_device(ledger, n, words) for n in range(len(ledger.devices))) + (
        _models(ledger, words) if ledger.residents else ""
    )


def _device(ledger: Ledger, n: int, words: Words) -> str:
    device = ledger.devices[n]
    held, most = dict.fromkeys(COMPONENTS, 0), dict.fromkeys(COMPONENTS, 0)
    for one in ledger.holdings:
        if one.device == device.device:
            held[one.component] += one.bytes
            most[one.component] += one.peak_bytes
    total, others = device.total_bytes, device.others_bytes
    parts = [(name, held[name]) for name in COMPONENTS] + [("others", others)]
    bar = "".join(
        f'<span class="{name}" style="width:{100 * part / total:.3f}%"></span>'
        for name, part in parts
        if part
    )
    name = device.device.upper()
    label = words(
        "monitor.device",
        device=name,
        ours=size(device.ours_bytes),
        others=size(others),
        total=size(total),
    )
    head = ("component", "now", "peak")
    rows = "".join(f'<th scope="col">{escape(words(f"monitor.col_{key}"))}</th>' for key in head)
    rows = f"<tr>{rows}</tr>"
    for component in COMPONENTS:
        swatch = f'<i class="swatch {component}" aria-hidden="true"></i>'
        rows += (
            f'<tr><th scope="row">{swatch}{escape(words(f"monitor.of_{component}"))}</th>'
            f"<td>{size(held[component])}</td><td>{size(most[component])}</td></tr>"
        )
    rows += (
        f'<tr><th scope="row"><i class="swatch others" aria-hidden="true"></i>'
        f"{escape(words('monitor.of_others'))}</th><td>{size(others)}</td><td>{NONE}</td></tr>"
    )
    return (
        f'<div class="stack live-device"><div class="src">{escape(label)}</div>'
        f'<div class="memtrack" role="img" aria-label="{escape(label)}">{bar}</div>'
        f"{table(words('monitor.components', device=name), rows)}</div>"
    )


def _models(ledger: Ledger, words: Words) -> str:
    keys = ("model", "precision", "weights", "cache", "asked")
    heads = "".join(f'<th scope="col">{escape(words(f"monitor.col_{key}"))}</th>' for key in keys)
    rows = f"<tr>{heads}</tr>"
    for r in ledger.residents:
        asked = (
            words("monitor.in_use", n=r.in_use)
            if r.in_use
            else words("monitor.idle", seconds=round(r.idle_s))
        )
        cells = (r.precision, size(r.held_bytes), size(r.kv_cache_bytes), asked)
        rows += f'<tr><th scope="row">{escape(r.model.rsplit("/", 1)[-1])}</th>'
        rows += "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    return table(words("monitor.models"), rows)


def steps_html(sizes: Sequence[int], words: Words) -> str:
    """How many steps had one row, two, up to four, up to eight, ...: what share of all.

    No sizes at all are those of another server: not known.
    """
    steps, low, found = sum(sizes), 1, list[tuple[int, int, int]]()
    while low <= len(sizes):
        high = 1 if low == 1 else 2 * (low - 1)
        found.append((low, min(high, len(sizes)), sum(sizes[low - 1 : high])))
        low = high + 1
    bars = ""
    for low, high, n in found:
        rows = f"{low}" if low == high else f"{low}–{high}"
        share = n / steps if steps else 0.0
        bars += (
            f'<div class="bar"><span>{escape(words("monitor.rows_of", rows=rows))}</span>'
            f'<i style="width:{100 * share:.1f}%"></i><span class="n">{share:.0%}</span></div>'
        )
    said = words("monitor.steps_total", n=f"{steps:,}" if sizes else NONE)
    badge = f'<span class="badge">{escape(words("badge.measured"))}</span>'
    return f'<div class="src">{badge} {escape(said)}</div>{bars}'


def mine_html(places: Sequence[Place | None], words: Words) -> str:
    """Say where the asker's requests stand."""
    running = sum(place is None for place in places)
    lines = [words("monitor.mine_running", n=running)] if running else []
    for place in places:
        if place:
            update = StreamUpdate(
                waiting="own" if place.own else "queued",
                queue_position=place.ahead,
                expected_wait_s=place.wait_s,
            )
            lines.append(waiting_text(update, words))
    lines = lines or [words("monitor.mine_none")]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def rate(value: float | None) -> str:
    """Write a number of things per second: three digits at most matter."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def seconds(value: float) -> str:
    """Write a duration as people read it."""
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"
