"""Greedy and beam side by side, the finished hypotheses, and the exact answer. All is escaped."""

import math
from collections.abc import Sequence
from html import escape

from demo.searches import SAME, Line, Search
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words


def tinted(line: Line, differs_at: int | None = None) -> str:
    """A sequence's pieces on the ground of their probability; the first that differs is marked."""
    parts = []
    for at, (piece, logprob) in enumerate(zip(line.pieces, line.logprobs)):
        css = "tk odd" if at == differs_at else "tk"
        shown = escape(piece.replace("\u2581", " ")) if piece.strip("\u2581") else "\u2581"
        if piece == "<0x0A>":
            shown = "↵"
        parts.append(
            f'<span class="{css}" style="--a:{math.exp(logprob):.3f}"'
            f' title="{math.exp(logprob):.1%}">{shown}</span>'
        )
    return f'<div class="tinted">{"".join(parts)}</div>'


def parting(a: Line, b: Line) -> int | None:
    """Return where two sequences first differ, None where they are the same."""
    if a.ids == b.ids:
        return None
    pairs = zip(a.ids, b.ids)
    return next((at for at, (x, y) in enumerate(pairs) if x != y), min(len(a.ids), len(b.ids)))


def sides_html(found: Search, words: Words) -> str:
    """Greedy beside the best beam with their sums, and what the difference means."""
    sides = [("greedy", found.greedy)]
    if found.beams:
        sides.append(("sampled" if found.params.do_sample else "beam", found.beams[0]))
    at = parting(found.greedy, found.beams[0]) if found.beams else None
    cards = ""
    for name, line in sides:
        ahead = " ahead" if len(sides) == 2 and line.total == max(s.total for _, s in sides) else ""
        reason = words("reason.stop" if line.ended else "reason.length")
        title = escape(words(f"decoding.side_{name}", k=found.params.num_beams))
        note = escape(side_note(line, reason, words))
        cards += (
            f'<div class="side{ahead}"><div class="src">{title}</div>'
            f'<div class="sum">{line.total:.3f}</div>'
            f'<div class="src">{note}</div>{tinted(line, at)}</div>'
        )
    says = f'<p class="outcome">{escape(verdict(found, words))}</p>' if found.beams else ""
    head = heading(words("decoding.sides"), words, "measured", words("decoding.sides_note"))
    return f'{head}<div class="sides">{cards}</div>{says}'


def side_note(line: Line, reason: str, words: Words) -> str:
    """Tokens, sum per token and how it ended."""
    n = len(line.ids)
    return words("decoding.side_note", n=n, per=f"{line.total / n:.3f}", reason=reason)


def verdict(found: Search, words: Words) -> str:
    """Say which sequence is more probable, how many times, and what spoils the comparison."""
    gain, best = found.gain, found.beams[0]
    if best.ids == found.greedy.ids:
        said = words("decoding.verdict_same")
    else:
        key = "beam" if gain > SAME else "greedy" if gain < -SAME else "equal"
        said = words(f"decoding.verdict_{key}", times=f"{math.exp(min(abs(gain), 50)):.3g}")
    if len(best.ids) != len(found.greedy.ids):
        said += " " + words("decoding.verdict_length", a=len(found.greedy.ids), b=len(best.ids))
    return said


def finished_html(found: Search, words: Words) -> str:
    """The finished hypotheses in the order of their scores, and how the score is made."""
    penalty = found.params.length_penalty
    heads = ("rank", "total", "tokens", "score", "ended", "text")
    rows = "".join(f'<th scope="col">{escape(words(f"decoding.head_{h}"))}</th>' for h in heads)
    rows = f"<tr>{rows}</tr>"
    likeliest = max((line.total for line in found.beams), default=0.0)
    for rank, line in enumerate(found.beams, start=1):
        total = f"{line.total:.3f}{' ●' if line.total == likeliest else ''}"
        ended = words("reason.stop" if line.ended else "reason.length")
        rows += (
            f'<tr><th scope="row">{rank}</th><td>{total}</td><td>{len(line.ids)}</td>'
            f'<td>{line.score(penalty):.4f}</td><td class="text">{escape(ended)}</td>'
            f'<td class="text">{escape(" ".join(line.text.split()) or words("decoding.nothing"))}'
            "</td></tr>"
        )
    title = words("decoding.finished")
    note = words("decoding.finished_note", penalty=f"{penalty:g}")
    return (
        heading(title, words, "measured")
        + table(title, rows, "grid hypotheses")
        + f'<p class="src">{escape(note)}</p>'
    )


def ways_html(
    ways: Sequence[tuple[str, Line, int]], complete: bool, vocab: int, new: int, words: Words
) -> str:
    """Greedy, beam and the exact search: (name, sequence, prefixes the model was asked about)."""
    heads = ("way", "total", "prefixes", "text")
    rows = "".join(f'<th scope="col">{escape(words(f"decoding.head_{h}"))}</th>' for h in heads)
    rows = f"<tr>{rows}</tr>"
    best = max(line.total for _, line, _ in ways)
    for name, line, prefixes in ways:
        mark = " ●" if best - line.total < SAME else ""
        rows += (
            f'<tr><th scope="row">{escape(name)}</th><td>{line.total:.4f}{mark}</td>'
            f'<td>{prefixes}</td><td class="text">{escape("".join(line.pieces))}</td></tr>'
        )
    title = words("decoding.ways")
    every = f"{vocab}^{new} ≈ 10^{new * math.log10(vocab):.0f}"
    key = "complete" if complete else "incomplete"
    return (
        heading(title, words, "measured")
        + table(title, rows, "grid hypotheses")
        + f'<p class="outcome">{escape(words(f"decoding.ways_{key}", every=every))}</p>'
    )
