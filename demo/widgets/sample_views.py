"""Several texts of one prompt, drawn: columns with the first token that differs, and the list."""

import itertools
from collections.abc import Sequence
from html import escape

from backend.types import TokenStep
from demo.widgets.marks import heading
from demo.widgets.token_strip import hex_of, is_byte
from demo.words import Words

Rows = Sequence[Sequence[TokenStep]]


def parts_at(a: Sequence[TokenStep], b: Sequence[TokenStep]) -> int | None:
    """Return the position of the first token that differs, None where none does."""
    for position, (x, y) in enumerate(itertools.zip_longest(a, b)):
        if x is None or y is None or x.token_id != y.token_id:
            return position
    return None


def pieces(steps: Sequence[TokenStep]) -> list[tuple[int, str, bool]]:
    """Return (first position, text, broken) per token; bytes of one character are put together.

    `broken`: bytes that make no character, given as hexadecimal.
    """
    found: list[tuple[int, str, bool]] = []
    for byte, group in itertools.groupby(enumerate(steps), key=lambda item: is_byte(item[1].piece)):
        members = list(group)
        if not byte:
            found += [(i, step.data.decode(errors="replace"), False) for i, step in members]
            continue
        data = b"".join(step.data for _, step in members)
        try:
            found.append((members[0][0], data.decode(), False))
        except UnicodeDecodeError:
            found.append((members[0][0], hex_of(data), True))
    return found


def text_html(steps: Sequence[TokenStep], parted: int | None) -> str:
    """The text up to where it parts from the first one, that token marked, and the rest."""
    end = len(steps) if parted is None else parted
    out = {"shared": "", "diff": "", "own": ""}
    spans = pieces(steps)
    for n, (start, text, broken) in enumerate(spans):
        stop = spans[n + 1][0] if n + 1 < len(spans) else len(steps)
        shown = f'<code class="bytes">{escape(text)}</code>' if broken else escape(text)
        out["shared" if stop <= end else "diff" if start <= end else "own"] += shown
    diff = out["diff"].lstrip()
    blank = out["diff"][: len(out["diff"]) - len(diff)] if out["shared"].strip() else ""
    mark = f"{blank}<mark>{diff}</mark>" if diff else blank
    return f'<span class="shared">{out["shared"].lstrip()}</span>{mark}{out["own"]}'


def columns(rows: Rows, words: Words, *, done: bool) -> str:
    """Draw the texts side by side; each is compared with the first one."""
    cells = []
    for n, steps in enumerate(rows):
        parted = None if n == 0 else parts_at(rows[0], steps)
        if n == 0:
            verdict = words("samples.first")
        elif parted is None:
            verdict = words("samples.twin") if done else ""
        else:
            verdict = words("samples.parts", n=parted + 1)
        reason = steps[-1].finish_reason if steps else None
        ended = words(f"reason.{reason}") if reason else ""
        twin = ' class="twin"' if done and n and parted is None else ""
        note = " · ".join(filter(None, (words("samples.tokens", n=len(steps)), ended)))
        cells.append(
            f'<li{twin}><div class="src"><b>{n + 1}</b> {escape(verdict)}</div>'
            f'<div class="text{"" if n else " whole"}">{text_html(steps, parted)}</div>'
            f'<div class="src">{escape(note)}</div></li>'
        )
    return f'<ol class="samples">{"".join(cells)}</ol>'


def empty_columns(words: Words) -> str:
    """The place where the texts will stand."""
    return f'<div class="samples-empty src">{escape(words("samples.empty"))}</div>'


def nested(prompt: str, texts: Sequence[str], words: Words) -> str:
    """Draw what the pipeline returns: a list that holds dicts that hold a string."""
    items = "".join(
        f'<div class="box dict"><div class="tag"><code>outputs[{n}]</code> dict</div>'
        '<div class="box str"><div class="tag"><code>["generated_text"]</code> str</div>'
        f'<div class="text"><span class="shared">{escape(prompt)}</span>{escape(text)}</div></div>'
        "</div>"
        for n, text in enumerate(texts)
    )
    return (
        heading(words("samples.nested"), words, "measured")
        + f'<div class="box list"><div class="tag"><code>outputs</code> list · {len(texts)}</div>'
        f"{items}</div>"
        f'<div class="src">{escape(words("samples.nested_note"))}</div>'
    )
