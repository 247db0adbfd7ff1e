"""Minimum Bayes risk: the samples, how alike each is to each, and who wins at N. All is escaped."""

from dataclasses import dataclass
from html import escape

from backend.mbr import best_of, expected_utilities
from demo.searches import Line
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples of one request, and chrF of each against each: [hypothesis][reference]."""

    lines: tuple[Line, ...]
    matrix: tuple[tuple[float, ...], ...]

    def winner(self, n: int) -> int:
        """Return the index of the first n samples' MBR winner."""
        return best_of(expected_utilities(self.matrix, n))

    def likeliest(self, n: int) -> int:
        """Return the index of the most probable of the first n samples."""
        return best_of([line.total for line in self.lines[:n]])


def mbr_html(samples: Samples, n: int, words: Words) -> str:
    """Everything that moves with N; no forward, only means of a part of the matrix."""
    winner, likeliest = samples.winner(n), samples.likeliest(n)
    means = expected_utilities(samples.matrix, n)
    key = "same" if winner == likeliest else "differ"
    says = words(
        f"decoding.mbr_{key}",
        n=n,
        winner=winner + 1,
        mean=f"{means[winner]:.1f}",
        likeliest=likeliest + 1,
        total=f"{samples.lines[likeliest].total:.2f}",
    )
    return (
        heading(words("decoding.matrix"), words, "measured", words("decoding.matrix_note", n=n))
        + matrix_table(samples, n, winner, likeliest, words)
        + f'<p class="outcome" data-winner="{winner}">{escape(says)}</p>'
        + sample_list(samples, n, winner, likeliest, words)
        + moving(samples, n, words)
    )


def matrix_table(samples: Samples, n: int, winner: int, likeliest: int, words: Words) -> str:
    """A row per sample as hypothesis: its mean, then its utility against each reference."""
    heads = "".join(f'<th scope="col">{i + 1}</th>' for i in range(n))
    rows = (
        f'<tr><th scope="col">{escape(words("decoding.head_sample"))}</th>'
        f'<th scope="col">{escape(words("decoding.head_mean"))}</th>{heads}</tr>'
    )
    for i, mean in enumerate(expected_utilities(samples.matrix, n)):
        cells = "".join(
            f'<td style="--a:{value / 100:.3f}">{value:.0f}</td>' for value in samples.matrix[i][:n]
        )
        css = ' class="won"' if i == winner else ""
        name = f"{i + 1}{tags(i, winner, likeliest)}"
        rows += f'<tr{css}><th scope="row">{name}</th><td class="mean">{mean:.1f}</td>{cells}</tr>'
    return table(words("decoding.matrix"), rows, "grid mbr")


def tags(i: int, winner: int, likeliest: int) -> str:
    """The marks of a sample: a dot for the winner, a p for the most probable."""
    return (" ●" if i == winner else "") + (" p" if i == likeliest else "")


def sample_list(samples: Samples, n: int, winner: int, likeliest: int, words: Words) -> str:
    """The texts with their sums and means."""
    items = ""
    for i, (line, mean) in enumerate(zip(samples.lines, expected_utilities(samples.matrix, n))):
        marks = [words("decoding.is_winner")] if i == winner else []
        marks += [words("decoding.is_likeliest")] if i == likeliest else []
        text = " ".join(line.text.split()) or words("decoding.nothing")
        note = words(
            "decoding.sample_note", total=f"{line.total:.2f}", n=len(line.ids), mean=f"{mean:.1f}"
        )
        badge = "".join(f"<b>{escape(mark)}</b> " for mark in marks)
        items += f'<li>{badge}{escape(text)}<div class="src">{escape(note)}</div></li>'
    return f'<ol class="mbr-samples">{items}</ol>'


def moving(samples: Samples, n: int, words: Words) -> str:
    """Who won at 2, 3, ... up to N, and who was the most probable then."""
    rows = ""
    for name, who in (
        (words("decoding.is_winner"), samples.winner),
        (words("decoding.is_likeliest"), samples.likeliest),
    ):
        cells = "".join(f"<td>{who(m) + 1}</td>" for m in range(2, n + 1))
        rows += f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    heads = "".join(f'<th scope="col">{m}</th>' for m in range(2, n + 1))
    title = words("decoding.moving")
    return heading(title, words, "measured") + table(
        title, f'<tr><th scope="col">N</th>{heads}</tr>{rows}'
    )
