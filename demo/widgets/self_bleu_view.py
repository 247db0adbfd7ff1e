"""Self-BLEU in four readings with its companions, and the traps of reading it. All escaped."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from backend.diversity import Companions, References, chosen_tokenizer, companions, self_bleu
from backend.types import TokenStep
from demo.widgets.fold import table
from demo.widgets.marks import heading, number
from demo.words import Words

READINGS: tuple[References, ...] = ("all", "first")
COUNTS = (2, 3, 4, 6, 8, 12, 16, 24)  # of the first texts, to show that the score rises
JAPANESE = ("森の奥に、小さな竜が住んでいました。", "森の奥に、大きな竜が住んでいました。")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run's numbers. `scores` by (prompt removed, references); None with too few texts."""

    texts: tuple[str, ...]
    tokenizer: str
    scores: dict[tuple[bool, References], list[float]]
    companions: Companions
    logprob: float  # mean over all tokens, raw
    tokens: float  # mean of one text

    @property
    def self_bleu(self) -> float:
        """Zhu et al.'s value on what the model wrote: all references, prompt removed."""
        return statistics.fmean(self.scores[True, "all"])


def measure(
    prompt: str,
    texts: Sequence[str],
    rows: Sequence[Sequence[TokenStep]],
    *,
    tokenizer: str = "",
) -> Measured:
    """Measure one run's texts; blocks for milliseconds. Raises LabError for fewer than two.

    `tokenizer` is BLEU's; empty: chosen by the texts.
    """
    new = tuple(text.strip() for text in texts)
    tokenizer = tokenizer or chosen_tokenizer(new)
    kept = [(prompt + text).strip() for text in texts]
    scores = {
        (removed, references): self_bleu(given, references=references, tokenize=tokenizer)  # type: ignore[arg-type]
        for removed, given in ((True, new), (False, kept))
        for references in READINGS
    }
    return Measured(
        texts=new,
        tokenizer=tokenizer,
        scores=scores,
        companions=companions(new, tokenize=tokenizer),  # type: ignore[arg-type]
        logprob=mean_logprob(rows),
        tokens=statistics.fmean(map(len, rows)),
    )


def mean_logprob(rows: Sequence[Sequence[TokenStep]]) -> float:
    """Return the mean raw log-probability of all tokens, in nats."""
    return statistics.fmean(step.logprob for steps in rows for step in steps)


def scores_html(measured: Measured, words: Words) -> str:
    """The table of four readings, per text and in the mean, and the companions below."""
    n, c = len(measured.texts), measured.companions
    head = "".join(f'<th scope="col">{escape(words(f"samples.refs_{r}"))}</th>' for r in READINGS)
    rows = ""
    for removed in (True, False):
        cells = ""
        for references in READINGS:
            scores = measured.scores[removed, references]
            best = ' class="new"' if removed and references == "all" else ""
            each = " ".join(f"{score:.2f}" for score in scores)
            cells += f"<td{best}><b>{statistics.fmean(scores):.2f}</b><br>{each}</td>"
        key = "samples.removed" if removed else "samples.kept"
        rows += f'<tr><th scope="row">{escape(words(key))}</th>{cells}</tr>'
    facts = (
        (words("samples.n"), str(n)),
        (words("samples.tokenizer"), measured.tokenizer),
        (words("samples.logprob"), number(measured.logprob, ".3f")),
        ("distinct-1", f"{c.distinct_1:.3f}"),
        ("distinct-2", f"{c.distinct_2:.3f}"),
        (words("samples.duplicates"), str(c.duplicates)),
        (words("samples.compression"), f"{c.compression_ratio:.2f}"),
        (words("samples.length"), f"{measured.tokens:.1f}"),
    )
    dl = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    return (
        heading(words("samples.scores"), words, "measured", words("samples.scores_note"))
        + table("Self-BLEU", f"<tr><td></td>{head}</tr>{rows}", "grid readings")
        + f'<dl class="companions">{dl}</dl>'
    )


def traps_html(measured: Measured, words: Words) -> str:
    """What the number does not say, each with its proof on this run (errata 1, 2, 3)."""
    n = len(measured.texts)
    return "".join(
        f'<section class="trap">{part}</section>'
        for part in (
            growth(measured.texts, measured.tokenizer, words) if n > 2 else "",
            trap(words, "first", f"{mean(measured, False, 'first'):.2f}"),
            trap(
                words,
                "prompt",
                f"{mean(measured, False, 'all') - mean(measured, True, 'all'):+.2f}",
            ),
            japanese(words),
        )
        if part
    )


def mean(measured: Measured, removed: bool, references: References) -> float:
    """Return one reading's mean."""
    return statistics.fmean(measured.scores[removed, references])


def trap(words: Words, name: str, figure: str) -> str:
    """A sentence with the figure that proves it."""
    says = escape(words(f"samples.trap_{name}_says"))
    return (
        heading(words(f"samples.trap_{name}"), words, "measured")
        + f'<p><b class="figure">{escape(figure)}</b> {says}</p>'
    )


def growth(texts: Sequence[str], tokenizer: str, words: Words) -> str:
    """Self-BLEU of the first 2, 3, ... of the same texts: it rises with N (errata 3)."""
    series = []
    for n in (*(n for n in COUNTS if n < len(texts)), len(texts)):
        some = texts[:n]
        if sum(map(bool, some)) > 1:
            series.append((n, statistics.fmean(self_bleu(some, tokenize=tokenizer))))  # type: ignore[arg-type]
    bars = "".join(
        f'<div class="bar"><code>N = {n}</code><i style="width:{score:.1f}%"></i>'
        f'<span class="n">{score:.2f}</span></div>'
        for n, score in series
    )
    return (
        heading(words("samples.trap_n"), words, "measured")
        + bars
        + f"<p>{escape(words('samples.trap_n_says'))}</p>"
    )


def japanese(words: Words) -> str:
    """Two Japanese sentences that differ in one character, scored by two tokenizers."""
    rows = "".join(
        f'<div class="bar"><code>{name}</code><i style="width:{score:.1f}%"></i>'
        f'<span class="n">{score:.2f}</span></div>'
        for name in ("13a", "char")
        for score in [statistics.fmean(self_bleu(JAPANESE, tokenize=name))]
    )
    texts = "".join(f'<div lang="ja">{text}</div>' for text in JAPANESE)
    return (
        heading(words("samples.trap_japanese"), words, "measured")
        + f'<div class="src">{texts}</div>{rows}'
        + f"<p>{escape(words('samples.trap_japanese_says'))}</p>"
    )
