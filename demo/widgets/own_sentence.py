"""A sentence of one's own, token by token: how probable each was, and what stood higher."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from demo.searches import Line, Search
from demo.widgets.beam_views import tinted
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words

if TYPE_CHECKING:
    from backend.scoring import ScoredToken


def own_html(tokens: Sequence["ScoredToken"], found: Search | None, words: Words) -> str:
    """The sum beside greedy's and the best beam's, then the tokens as a table."""
    mine = Line(
        ids=tuple(t.token_id for t in tokens),
        pieces=tuple(t.piece for t in tokens),
        logprobs=tuple(t.logprob for t in tokens),
        text="",
        ended=False,
    )
    return (
        heading(words("decoding.own_result"), words, "measured")
        + tinted(mine)
        + beside(mine, found, words)
        + each(tokens, words)
    )


def beside(mine: Line, found: Search | None, words: Words) -> str:
    """Sum, tokens and sum per token of the sentence and of what was decoded."""
    rows = [(words("decoding.own_mine"), mine)]
    if found:
        rows.append((words("decoding.side_greedy"), found.greedy))
        if found.beams:
            name = "sampled" if found.params.do_sample else "beam"
            rows.append((words(f"decoding.side_{name}", k=found.params.num_beams), found.beams[0]))
    heads = "".join(
        f'<th scope="col">{escape(words(f"decoding.head_{h}"))}</th>'
        for h in ("way", "total", "tokens", "per_token", "perplexity")
    )
    body = ""
    for name, one in rows:
        per = one.total / len(one.ids)
        body += (
            f'<tr><th scope="row">{escape(name)}</th><td>{one.total:.3f}</td>'
            f"<td>{len(one.ids)}</td><td>{per:.3f}</td><td>{math.exp(-per):.2f}</td></tr>"
        )
    note = words("decoding.own_note" if found else "decoding.own_alone")
    label = words("decoding.own_result")
    return table(label, f"<tr>{heads}</tr>{body}") + f'<p class="src">{escape(note)}</p>'


def each(tokens: Sequence["ScoredToken"], words: Words) -> str:
    """A row per token."""
    heads = "".join(
        f'<th scope="col">{escape(words(f"decoding.head_{h}"))}</th>'
        for h in ("token", "p", "logprob", "rank_of", "instead")
    )
    body = "".join(
        f'<tr><th scope="row"><code>{escape(t.piece)}</code></th>'
        f"<td>{math.exp(t.logprob):.2%}</td><td>{t.logprob:.3f}</td><td>{t.rank}</td>"
        f"<td>{escape(t.best)} {math.exp(t.best_logprob):.1%}</td></tr>"
        for t in tokens
    )
    title = words("decoding.own_each")
    rows = table(title, f"<tr>{heads}</tr>{body}")
    return f"<details><summary>{escape(title)}</summary>{rows}</details>"
