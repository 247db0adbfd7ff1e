"""What each precision did to one text: bytes, KL at every token, the first other token, speed."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from backend.memory import estimate
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.widgets.memory_stack import size
from demo.words import Words

if TYPE_CHECKING:
    from backend.quantization import Copy, Damage

FAINTEST, STRONGEST = -6.0, 0.0  # log10 of KL in nats: the ends of the heat map
COLUMNS = ("precision", "estimated", "measured", "footprint", "ratio", "kl", "first", "speed")


def damage_html(
    rows: "Sequence[tuple[Copy, Damage]]", model: str, words: Words, *, done: bool
) -> str:
    """Draw the rows measured so far; the first is fp32, which the others are compared with."""
    reference = rows[0][0]
    heads = "".join(f'<th scope="col">{escape(words(f"memory.col_{c}"))}</th>' for c in COLUMNS)
    body = f"<tr>{heads}</tr>" + "".join(
        _row(copy, harm, reference, model, words) for copy, harm in rows
    )
    told = "".join(
        f"<li>{escape(_flip(copy, harm, words))}</li>" for copy, harm in rows[1:] if harm.flips
    )
    title, note = words("memory.damage_table"), words("memory.damage_note")
    end = f'<p class="src">{escape(note)}</p>' if done else ""
    return (
        heading(title, words, "measured")
        + table(title, body)
        + f'<div class="src">{escape(words("memory.damage_text"))}</div>'
        + f'<div class="plain">{escape("".join(reference.texts).strip())}</div>'
        + _heat(rows, words)
        + f'<ul class="flips">{told}</ul>{end}'
    )


def _row(copy: "Copy", harm: "Damage", reference: "Copy", model: str, words: Words) -> str:
    found, whole = estimate(model, copy.precision), reference.weights_bytes
    held = copy.weights_bytes + copy.quant_state_bytes
    first = str(harm.flips[0] + 1) if harm.flips else words("memory.no_flip")
    left = held - found.total_bytes
    cells = (
        size(found.total_bytes),
        size(held) + (f" ({left:+d} B)" if left else " ="),
        size(copy.footprint_bytes),
        f"{held / whole:.3f}",
        f"{harm.mean_kl:.1e}" if harm.mean_kl else "0",
        first,
        f"× {reference.decode_s / copy.decode_s:.2f}",
    )
    return (
        f'<tr><th scope="row">{escape(copy.precision)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
    )


def _heat(rows: "Sequence[tuple[Copy, Damage]]", words: Words) -> str:
    """One line a precision, one cell a token: darker is further from fp32, ● another token."""
    parts = ""
    for copy, harm in rows[1:]:
        worst = max(range(len(harm.kl)), key=lambda i: harm.kl[i])
        label = words(
            "memory.heat_label",
            name=copy.precision,
            kl=f"{harm.mean_kl:.1e}",
            worst=worst + 1,
            token=copy.texts[worst].strip(),
            n=len(harm.flips),
        )
        cells = "".join(
            f'<i style="--h:{heat(kl):.2f}" title="{escape(copy.texts[i], quote=True)}'
            f' {kl:.1e}">{"●" if i in harm.flips else ""}</i>'
            for i, kl in enumerate(harm.kl)
        )
        parts += (
            f"<div><b>{escape(copy.precision)}</b>"
            f'<span role="img" aria-label="{escape(label, quote=True)}">{cells}</span></div>'
        )
    note = words("memory.heat_note")
    title = escape(words("memory.damage_table"), quote=True)
    return (
        f'<div class="klmap" tabindex="0" role="region" aria-label="{title}">{parts}</div>'
        f'<div class="src">{escape(note)}</div>'
    )


def heat(kl: float) -> float:
    """Return how dark a cell is, 0 to 1, on a logarithmic scale."""
    if kl <= 0:
        return 0.0
    return min(max((math.log10(kl) - FAINTEST) / (STRONGEST - FAINTEST), 0.0), 1.0)


def _flip(copy: "Copy", harm: "Damage", words: Words) -> str:
    at = harm.flips[0]
    return words(
        "memory.flip",
        name=copy.precision,
        n=at + 1,
        was=copy.texts[at].strip() or "▁",
        now=copy.best[at].strip() or "▁",
    )
