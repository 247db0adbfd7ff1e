"""Temperature by hand on the course's ten words: logits are divided by T, not probabilities."""

import math

WORDS = {
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
TEMPERATURE = 1.5


def softmax(scores):
    weights = [math.exp(score) for score in scores]
    return [weight / sum(weights) for weight in weights]


def show(title, probabilities):
    print(title, {word: round(p, 4) for word, p in zip(WORDS, probabilities)})


p = list(WORDS.values())
show("right:", softmax([math.log(x) / TEMPERATURE for x in p]))  # log p is the logit
show("times 1000:", softmax([math.log(1000 * x) / TEMPERATURE for x in p]))  # a shift: no change
show("logits times 3:", softmax([3 * math.log(x) / TEMPERATURE for x in p]))  # that is T / 3
show("twin:", softmax([x / TEMPERATURE for x in p]))  # the formula at its word: nearly flat
for t in (0.5, 1.0, 1.5, 10.0):
    show(f"T {t}:", softmax([math.log(x) / t for x in p]))
