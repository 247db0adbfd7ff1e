"""An answer with its citations; the same question without context and with a lie, beside it."""

from collections.abc import Sequence
from html import escape

from backend.grounding import Sentence
from demo.rag import Twin
from demo.widgets import marks
from demo.words import Words


def cited_html(sentences: Sequence[Sentence], words: Words, *, linked: bool = True) -> str:
    """Draw sentences, each with [n] that leads to its hit, or a mark that nothing supports it."""
    parts = []
    for sentence in sentences:
        n = sentence.passage
        if n is None:
            mark = f'<span class="bare">{escape(words("search.unsupported"))}</span>'
        elif linked:
            label = escape(words("search.cites", n=n))
            mark = f'<a class="cite" href="#search-hit-{n}" aria-label="{label}">[{n}]</a>'
        else:
            mark = f'<span class="cite">[{n}]</span>'
        parts.append(f"<span>{escape(sentence.text)} {mark}</span>")
    return " ".join(parts)


def answer_html(
    sentences: Sequence[Sentence], words: Words, *, seed: int | None, packed: int, done: bool
) -> str:
    """Draw the answer as far as it is written; until it ends nothing is called unsupported."""
    head = marks.heading(
        words("search.answer_title"), words, "measured", words("search.answer_note", seed=seed)
    )
    shown = [s for s in sentences if done or s.passage]
    written = "" if done else escape(" ".join(s.text for s in sentences if not s.passage))
    body = f'<div class="answer">{cited_html(shown, words)} {written}</div>'
    if not done:
        return head + body
    if not packed:
        note = words("search.no_context")
    elif all(s.passage is None for s in sentences):
        note = words("search.no_support")
    else:
        note = words("search.supported")
    return f'{head}{body}<p class="src">{escape(note)}</p>'


def twins_html(twins: Sequence[Twin], words: Words, seed: int | None) -> str:
    """Draw the runs side by side."""
    head = marks.heading(
        words("search.twins_title"), words, "measured", words("search.answer_note", seed=seed)
    )
    columns = "".join(
        f'<section class="twin {escape(twin.name)}"><h4>{escape(words(f"search.twin_{twin.name}"))}'
        f'</h4><p class="said">{cited_html(twin.sentences, words, linked=twin.name == "hits")}</p>'
        f'<p class="src">{escape(told(twin, words))}</p></section>'
        for twin in twins
    )
    return f'{head}<div class="twins">{columns}</div>'


def told(twin: Twin, words: Words) -> str:
    """Say what stood in a run's prompt besides the question."""
    text = " ".join(twin.passages) or words("search.twin_nothing")
    return words("search.twin_told", text=text)
