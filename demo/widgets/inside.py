"""A run taken apart: pieces, ids, mask, decoding. Everything shown is escaped."""

from collections.abc import Sequence
from html import escape

from backend.lab import Lab
from backend.types import TokenRecord, TokenStep
from demo.capabilities import note
from demo.runs import Run
from demo.widgets.marks import heading, plain, say
from demo.words import Words

SHOWN = 48  # tokens in the table; the rest is counted


def taken_apart(lab: Lab, run: Run, words: Words) -> str:
    """Everything below, for one run; blocks for the tokenizer."""
    if not lab.can("jobs"):
        return say(note(lab, words, "jobs"))
    ids = [r.id for r in run.tokens] + [s.token_id for s in run.steps]
    pieces = [r.token for r in run.tokens] + [s.piece for s in run.steps]
    kept = lab.decode(ids, skip_special_tokens=False, model=run.model)
    skipped = lab.decode(ids, skip_special_tokens=True, model=run.model)
    parts = (
        lanes(run.tokens, run.steps, words),
        by_hand(run.tokens, words),
        decoding(pieces, kept, skipped, words),
    )
    return "<hr>".join(parts)


def lanes(prompt: Sequence[TokenRecord], steps: Sequence[TokenStep], words: Words) -> str:
    """Pieces, ids and attention mask below each other, the new ones tinted."""
    cells = [(r.token, r.id, "") for r in prompt] + [(s.piece, s.token_id, "new") for s in steps]
    rest = len(cells) - SHOWN
    rows = []
    for name, values in (
        (words("inside.piece"), [(c[0], c[2]) for c in cells[:SHOWN]]),
        (words("inside.id"), [(str(c[1]), c[2]) for c in cells[:SHOWN]]),
        (words("inside.mask"), [("1", c[2]) for c in cells[:SHOWN]]),
    ):
        tds = "".join(f'<td class="{css}">{escape(text)}</td>' for text, css in values)
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{tds}</tr>')
    more = f'<div class="src">{escape(words("inside.rest", n=rest))}</div>' if rest > 0 else ""
    return (
        heading(words("inside.lanes"), words, "measured")
        + scrolled("".join(rows), words("inside.lanes"))
        + more
        + f'<div class="src">{escape(words("inside.mask_note"))}</div>'
    )


def scrolled(rows: str, label: str) -> str:
    """A table that scrolls sideways by itself, by keyboard too."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="grid">{rows}</table></div>'
    )


def by_hand(prompt: Sequence[TokenRecord], words: Words) -> str:
    """The manual path beside tokenizer(): the start token is what it lacks (errata 5)."""
    hand = [record for record in prompt if not record.special]
    rows = ""
    for name, records in ((words("inside.hand"), hand), (words("inside.call"), prompt)):
        lead = '<td class="odd">?</td>' if len(records) < len(prompt) else ""
        tds = lead + "".join(f"<td>{escape(r.token)}</td>" for r in records[:SHOWN])
        rows += f'<tr><th scope="row">{escape(name)} · {len(records)}</th>{tds}</tr>'
    return (
        heading(words("inside.by_hand"), words, "measured")
        + scrolled(rows, words("inside.by_hand"))
        + f'<div class="src">{escape(words("inside.by_hand_note"))}</div>'
    )


def decoding(pieces: Sequence[str], kept: str, skipped: str, words: Words) -> str:
    """Ids back to text: special tokens kept or skipped, and the naive join beside decode."""
    naive = "".join(pieces).replace("\u2581", " ")
    parts = [heading(words("inside.decoding"), words, "measured")]
    for name, text in (
        ("skip_special_tokens=True", skipped),
        ("skip_special_tokens=False", kept),
        ("''.join(pieces).replace('▁', ' ')", naive),
    ):
        parts.append(f'<div class="src"><code>{escape(name)}</code></div>{plain(text)}')
    parts.append(f'<div class="src">{escape(words("inside.decoding_note"))}</div>')
    return "".join(parts)


def legend(words: Words) -> str:
    """How tokenizers mark a word's beginning or inside."""
    rows = "".join(
        f"<tr><td>{escape(mark)}</td><td>{escape(words(f'inside.mark_{key}'))}</td></tr>"
        for mark, key in (("▁the", "sp"), ("##ing", "wp"), ("eat@@", "bpe"), ("Ġthe", "gpt"))
    )
    title = heading(words("inside.legend"), words)
    return f'{title}<div class="scroll"><table class="grid">{rows}</table></div>'
