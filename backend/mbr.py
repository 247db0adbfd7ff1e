"""Minimum Bayes risk decoding with chrF (Eikema and Aziz 2020, Freitag et al. 2022)."""

import statistics
from collections.abc import Sequence


def utilities(texts: Sequence[str]) -> list[list[float]]:
    """Return chrF (Popović 2015) of each text against each, 0 to 100: [hypothesis][reference].

    Characters, so that no tokenizer is needed and Japanese works; quadratic in the texts.
    """
    from sacrebleu.metrics import CHRF

    chrf, known = CHRF(), dict[tuple[str, str], float]()
    for pair in ((a, b) for a in texts for b in texts):
        if pair not in known:
            known[pair] = chrf.sentence_score(pair[0], [pair[1]]).score
    return [[known[a, b] for b in texts] for a in texts]


def expected_utilities(matrix: Sequence[Sequence[float]], n: int) -> list[float]:
    """Return each of the first n samples' mean utility over those n.

    The highest wins: the samples are the candidates and, as draws from the model, the
    pseudo-references too. Each counts itself, which moves no rank.
    """
    return [statistics.fmean(row[:n]) for row in matrix[:n]]


def best_of(values: Sequence[float]) -> int:
    """Return the index of the highest value, the first of equals."""
    return max(range(len(values)), key=lambda i: values[i])
