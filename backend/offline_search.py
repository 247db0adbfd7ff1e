"""BM25 over the pages that ship with the lab, in English by words and in Japanese by n-grams.

Robertson et al., 1995 (Okapi at TREC-3), in the form in which no term weighs less than nothing.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

CORPUS = Path(__file__).parent / "corpus" / "pages.json"
K1, B = 1.2, 0.75  # how soon a repeated term stops counting; how much a long page is held back
LONGEST_TERMS = 200  # of a query
WORD = re.compile(r"[a-z0-9]+|[\u3040-\u30ff\u3400-\u9fff々]+")
NAME = re.compile(r"[\u30a1-\u30fa\u30fc]+")  # katakana: most names of elsewhere


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of the corpus; `kind` says whether its facts are invented or real."""

    id: str
    lang: Literal["en", "ja"]
    kind: Literal["invented", "real"]
    title: str
    text: str


def terms(text: str) -> list[str]:
    """Return words in lower case, and of Japanese every two letters and katakana names."""
    found = []
    for run in WORD.findall(text.lower()):
        if run[0] < "\u3040" or len(run) == 1:
            found.append(run)
        else:
            found.extend(run[i : i + 2] for i in range(len(run) - 1))
            found.extend(name for name in NAME.findall(run) if len(name) > 2)
    return found


class Index:
    """Pages with the counts of their terms. Never changes, so many threads may search it."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.pages = tuple(pages)
        self._counts = [Counter(terms(f"{page.title} {page.text}")) for page in pages]
        self._sizes = [counts.total() for counts in self._counts]
        self._mean = sum(self._sizes) / max(len(pages), 1)
        holders = Counter(term for counts in self._counts for term in counts)
        n = len(pages)
        self._idf = {t: math.log(1 + (n - h + 0.5) / (h + 0.5)) for t, h in holders.items()}

    def scores(self, query: str) -> list[float]:
        """Return one score per page; 0 where no term is shared."""
        asked = [term for term in terms(query)[:LONGEST_TERMS] if term in self._idf]
        return [
            sum(
                self._idf[term] * counts[term] * (K1 + 1)
                / (counts[term] + K1 * (1 - B + B * size / self._mean))
                for term in asked
            )
            for counts, size in zip(self._counts, self._sizes)
        ]  # fmt: skip

    def search(self, query: str, most: int) -> list[Page]:
        """Return at most `most` pages that share a term with the query, best first."""
        scores = self.scores(query)
        ranked = sorted((i for i, score in enumerate(scores) if score), key=lambda i: -scores[i])
        return [self.pages[i] for i in ranked[:most]]


@cache
def shipped() -> Index:
    """Return the index of the shipped pages, made at the first search."""
    return Index([Page(**row) for row in json.loads(CORPUS.read_text("utf-8"))])
