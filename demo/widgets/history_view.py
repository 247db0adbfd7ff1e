"""What each turn sends: the system text, earlier turns again, the new message, and what was cut."""

from collections.abc import Sequence
from html import escape

from backend.history import Turn
from demo.widgets.marks import heading
from demo.words import Words

PARTS = ("system", "again", "new", "room")  # left of the context's end; "cut" is right of it
SHOWN = 60  # characters of a message that was left out


def history_html(turns: Sequence[Turn], words: Words) -> str:
    """Draw a bar per turn, all on one scale, and name the exchanges that the last one left out."""
    if not turns:
        return f'<div class="say">{escape(words("chat.history_wait"))}</div>'
    if not turns[-1].prompt.ids:
        return f'<div class="say">{escape(words("remote.uncounted"))}</div>'
    widest = max(t.context + t.cut if t.cut else len(t.prompt.ids) + t.room for t in turns)
    rows = "".join(row_html(n, turn, widest, words) for n, turn in enumerate(turns, start=1))
    legend = "".join(
        f'<li><i class="{part}"></i>{escape(words(f"chat.part_{part}"))}</li>'
        for part in (*PARTS, "cut")
    )
    return (
        heading(words("chat.history_title"), words, "measured")
        + f'<ul class="turns">{rows}</ul><ul class="turn-parts">{legend}</ul>'
        + left_out(turns[-1], words)
    )


def row_html(number: int, turn: Turn, widest: int, words: Words) -> str:
    """One turn: its bar, and the same in words."""
    sizes = {name: getattr(turn, name) for name in PARTS}
    if turn.cut:
        sizes |= {"free": turn.context - sum(sizes.values()), "cut": turn.cut}
    bars = "".join(
        f'<i class="{name}" style="width:{100 * size / widest:.2f}%"></i>'
        for name, size in sizes.items()
        if size
    )
    if turn.context <= widest:
        bars += f'<b style="left:{100 * turn.context / widest:.2f}%"></b>'
    said = words(
        "chat.turn_said",
        total=len(turn.prompt.ids),
        system=turn.system,
        again=turn.again,
        new=turn.new,
        room=turn.room,
        context=turn.context,
    )
    if turn.dropped:
        said += " · " + words("chat.turn_cut", n=turn.dropped, ids=turn.cut)
    return (
        f'<li><span class="name">{escape(words("chat.turn", n=number))}</span>'
        f'<span class="turn" aria-hidden="true">{bars}</span>'
        f'<span class="num">{escape(said)}</span></li>'
    )


def left_out(turn: Turn, words: Words) -> str:
    """Name the exchanges that the model no longer sees, struck through."""
    if not turn.left_out:
        return f'<div class="src">{escape(words("chat.nothing_cut"))}</div>'
    lines = "".join(
        f"<li>{escape(words('chat.turn', n=n))}: <del>{escape(message[:SHOWN])}</del></li>"
        for n, message in enumerate(turn.left_out, start=1)
    )
    return (
        f'<div class="left-out"><p>{escape(words("chat.cut_title", n=turn.dropped))}</p>'
        f"<ul>{lines}</ul></div>"
    )
