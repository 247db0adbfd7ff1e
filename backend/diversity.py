"""How alike several texts are: Self-BLEU in two readings, and companions that need no reference.

Self-BLEU (Zhu et al. 2018) rises with the number of texts and rewards noise: never compare it
across N, and read it beside the mean log-probability.
"""

import gzip
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from backend.errors import LabError

References = Literal["all", "first"]
Tokenize = Literal["auto", "13a", "char", "intl", "zh", "none"]
CJK = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xFF66, 0xFF9D))


@dataclass(frozen=True, kw_only=True)
class Companions:
    """Measures of the same texts that compare none with another.

    distinct_n: different n-grams over all n-grams (Li et al. 2016), of the tokenizer's units.
    duplicates: texts that equal an earlier one. compression_ratio: UTF-8 bytes of all texts over
    their gzipped bytes; higher is more alike (Shaib et al. 2024). mean_characters: of one text.
    """

    distinct_1: float
    distinct_2: float
    duplicates: int
    compression_ratio: float
    mean_characters: float


def self_bleu(
    texts: Sequence[str], *, references: References = "all", tokenize: Tokenize = "auto"
) -> list[float]:
    """Return each text's BLEU, 0 to 100, against the others; higher is more alike.

    `references`: "all" others (Zhu et al. 2018), or the "first" other alone, which is what
    `sacrebleu.corpus_bleu([text], [others])` computes. Raises LabError, a ValueError, without two
    texts that are not empty.
    """
    check_texts(texts)
    if references not in get_args(References):
        raise refusal("references", references, "all or first")
    from sacrebleu.metrics import BLEU

    bleu = BLEU(tokenize=chosen_tokenizer(texts, tokenize), effective_order=True)
    scores = []
    for i, text in enumerate(texts):
        others = [*texts[:i], *texts[i + 1 :]]
        scores.append(
            bleu.sentence_score(text, others if references == "all" else others[:1]).score
        )
    return scores


def companions(texts: Sequence[str], *, tokenize: Tokenize = "auto") -> Companions:
    """Return the measures that stand beside Self-BLEU. Raises LabError as `self_bleu` does."""
    check_texts(texts)
    name = chosen_tokenizer(texts, tokenize)
    units = [units_of(text, name) for text in texts]
    data = "\n".join(texts).encode(errors="surrogatepass")
    return Companions(
        distinct_1=distinct(units, 1),
        distinct_2=distinct(units, 2),
        duplicates=len(texts) - len(set(texts)),
        compression_ratio=len(data) / len(gzip.compress(data, mtime=0)),
        mean_characters=statistics.fmean(map(len, texts)),
    )


def chosen_tokenizer(texts: Sequence[str], tokenize: Tokenize = "auto") -> str:
    """Return sacrebleu's name of the tokenizer; decided once for the whole list.

    "auto" is "char" when more than half of all letters are CJK, else "13a": 13a cuts at blanks,
    so that a Japanese sentence is one word.
    """
    if tokenize not in get_args(Tokenize):
        raise refusal("tokenize", tokenize, ", ".join(get_args(Tokenize)))
    if tokenize != "auto":
        return tokenize
    letters = [ord(c) for text in texts for c in text if c.isalpha()]
    cjk = sum(any(low <= c <= high for low, high in CJK) for c in letters)
    return "char" if 2 * cjk > len(letters) else "13a"


def units_of(text: str, tokenizer: str) -> list[str]:
    """Return what sacrebleu counts in a text."""
    from sacrebleu.metrics import BLEU

    return str(BLEU(tokenize=tokenizer).tokenizer(text)).split()


def distinct(units: Sequence[Sequence[str]], n: int) -> float:
    """Return different n-grams over all n-grams, 0 where there is none (Li et al. 2016)."""
    grams = [
        gram
        for words in units
        for gram in zip(*(itertools.islice(words, i, None) for i in range(n)))
    ]
    return len(set(grams)) / len(grams) if grams else 0.0


def check_texts(texts: object) -> None:
    """Refuse what is not a list of texts, two of them not empty."""
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise refusal("texts", texts, "a list of texts")
    if not all(isinstance(text, str) for text in texts):
        raise refusal("texts", texts, "a list of texts")
    full = sum(bool(text.strip()) for text in texts)
    if full < 2:
        raise refusal("texts", full, "two or more texts that are not empty")


def refusal(field: str, value: object, allowed: str) -> LabError:
    """Return the error for a wrong argument."""
    return LabError(
        "out_of_range",
        f"{field} must be {allowed}, got {value!r:.80}",
        field=field,
        value=repr(value)[:80],
        allowed=allowed,
    )
