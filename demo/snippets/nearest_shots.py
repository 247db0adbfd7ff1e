"""Pick the examples most like a question: cosine of the counts of letter trigrams."""

import math
from collections import Counter

QUESTION = "The dog wanted soup."
CORPUS = [
    "The cat wanted soup.",
    "Today is a beautiful day.",
    "The dog wanted bread.",
    "I like the penguin.",
    "Where is the dog?",
    "Good morning.",
]
N = 2


def grams(text: str) -> Counter[str]:
    text = f" {text.lower()} "
    return Counter(text[i : i + 3] for i in range(len(text) - 2))


def cosine(a: Counter[str], b: Counter[str]) -> float:
    sizes = [math.sqrt(sum(count * count for count in c.values())) for c in (a, b)]
    return sum(count * b[gram] for gram, count in a.items()) / math.prod(sizes)


asked = grams(QUESTION)
ranked = sorted(CORPUS, key=lambda sentence: -cosine(asked, grams(sentence)))
for sentence in ranked:
    print(f"{cosine(asked, grams(sentence)):.3f} {sentence}")
print("in the prompt, the nearest last:", ranked[:N][::-1])
