"""A number in the bits of five formats: sign, exponent, mantissa; error and overflow."""

import math
from html import escape

from backend.number_formats import FLOATS, Float, Level, held, int8, nf4, number
from backend.number_formats import NF4_LEVELS as LEVELS
from demo.words import Words

WIDTH, LINE_Y = 320, 34  # of the drawing of nf4's levels


def bit_boxes(text: str, absmax_text: str, words: Words) -> str:
    """Draw a typed number in every format; `absmax_text` is its block's. Raises LabError."""
    x, absmax = number(text), number(absmax_text)
    rows = "".join(_float(x, held(x, form), words) for form in FLOATS)
    if math.isfinite(x):
        rows += "".join(_level(x, make(x, absmax), words) for make in (int8, nf4))
        rows += _levels(nf4(x, absmax), x, words)
    else:
        rows += f'<div class="src">{escape(words("memory.no_block"))}</div>'
    return f'<div class="bits">{rows}</div>{_legend(words)}'


def shown(value: float) -> str:
    """Write a number with all digits that tell it from its neighbours here."""
    return f"{value:.12g}"


def _float(x: float, made: Float, words: Words) -> str:
    boxes = _boxes("s", made.sign) + _boxes("e", made.exponent) + _boxes("m", made.mantissa)
    label = words(
        "memory.bits_label", sign=made.sign, exponent=made.exponent, mantissa=made.mantissa
    )
    form = made.format
    if made.kind == "infinite" and math.isfinite(x):
        note, bad = words("memory.overflow", largest=shown(form.largest)), True
    elif made.kind in ("normal", "subnormal"):
        field = int(made.exponent, 2)
        power = (field or 1) - form.bias
        whole = "1" if made.kind == "normal" else "0"
        note = f"(-1)^{made.sign} × 2^{power} × {whole}.{made.mantissa.rstrip('0') or '0'} (2)"
        note, bad = f"{note} · {_error(x, made.value, words)}", False
    elif made.kind == "zero" and x:
        note, bad = words("memory.underflow", smallest=shown(form.smallest_normal)), True
    else:
        note, bad = words(f"memory.kind_{made.kind}"), False
    return _row(form.name, boxes, label, made.value, note, bad)


def _level(x: float, made: Level, words: Words) -> str:
    steps = {"int8": "127", "nf4": "15"}[made.name]
    label = words("memory.level_label", bits=made.bits, index=made.index)
    note = words(
        f"memory.{made.name}_note",
        index=made.index,
        steps=steps,
        share=shown(round(made.share, 6)),
        absmax=shown(made.absmax),
    )
    note = f"{note} · {_error(x, made.value, words)}"
    boxes = _boxes("m", made.bits) if made.name == "nf4" else _boxes("s", made.bits[0])
    if made.name == "int8":
        boxes += _boxes("m", made.bits[1:])
    return _row(made.name, boxes, label, made.value, note, False)


def _row(name: str, boxes: str, label: str, value: float, note: str, bad: bool) -> str:
    css = ' class="bad"' if bad else ""
    return (
        f'<div class="bitrow"><b>{escape(name)}</b>'
        f'<span class="boxes" role="img" aria-label="{escape(label)}">{boxes}</span>'
        f"<output{css}>{escape(shown(value))}</output>"
        f'<span class="note{" bad" if bad else ""}">{escape(note)}</span></div>'
    )


def _boxes(css: str, bits: str) -> str:
    return "".join(f'<i class="{css}">{bit}</i>' for bit in bits)


def _error(x: float, value: float, words: Words) -> str:
    if value == x:
        return words("memory.exact")
    return words(
        "memory.error", error=f"{value - x:+.3g}", percent=f"{100 * abs(value - x) / abs(x):.3g}"
    )


def _levels(made: Level, x: float, words: Words) -> str:
    """Draw the sixteen levels on a line, the number above it and the level it takes."""

    def at(share: float) -> float:
        return 8 + (share + 1) / 2 * (WIDTH - 16)

    ticks = "".join(
        f'<line x1="{at(level):.1f}" x2="{at(level):.1f}" y1="{LINE_Y - 6}" y2="{LINE_Y + 6}"'
        f' class="{"on" if i == made.index else ""}"/>'
        for i, level in enumerate(LEVELS)
    )
    here, there = at(max(-1.0, min(1.0, x / made.absmax))), at(made.share)
    label = words(
        "memory.levels_label",
        number=shown(x),
        share=f"{x / made.absmax:.4f}",
        level=f"{made.share:.4f}",
        index=made.index,
    )
    return (
        f'<div class="nf4line"><svg viewBox="0 0 {WIDTH} 56" role="img"'
        f' aria-label="{escape(label)}">'
        f'<line x1="8" x2="{WIDTH - 8}" y1="{LINE_Y}" y2="{LINE_Y}"/>{ticks}'
        f'<path d="M{here - 5:.1f} 14h10l-5 10z"/>'
        f'<circle cx="{there:.1f}" cy="{LINE_Y}" r="5"/>'
        f'<text x="8" y="54">-1</text><text x="{WIDTH / 2}" y="54" text-anchor="middle">0</text>'
        f'<text x="{WIDTH - 8}" y="54" text-anchor="end">1</text></svg>'
        f'<div class="src">{escape(label)}</div></div>'
    )


def _legend(words: Words) -> str:
    parts = "".join(
        f'<span><i class="{css}">0</i> {escape(words(f"memory.part_{css}"))}</span>'
        for css in ("s", "e", "m")
    )
    return f'<div class="bits memkeys">{parts}</div>'
