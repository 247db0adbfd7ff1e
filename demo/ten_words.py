"""The course's ten words, and the digits it printed for them (numbers only)."""

from collections.abc import Mapping

TEN_WORDS: Mapping[str, float] = {  # line 587
    "the": 0.25,
    "a": 0.20,
    "dragon": 0.15,
    "flew": 0.10,
    "over": 0.08,
    "and": 0.07,
    "castle": 0.06,
    "into": 0.04,
    "flames": 0.03,
    "darkness": 0.02,
}
PRINTED: Mapping[float, tuple[float, ...]] = {  # temperature -> lines 697, 714, 731
    0.5: (0.409, 0.262, 0.147, 0.07, 0.04, 0.03, 0.02, 0.01, 0.01, 0.003),
    1.5: (0.195, 0.168, 0.139, 0.106, 0.09, 0.08, 0.08, 0.06, 0.05, 0.04),
    10.0: (0.112, 0.11, 0.107, 0.103, 0.1, 0.1, 0.1, 0.1, 0.1, 0.09),
}
