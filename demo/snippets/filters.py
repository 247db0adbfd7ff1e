"""From ten words to what is drawn from: transformers' own processors, one after another."""

import torch
from transformers import (
    EpsilonLogitsWarper,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

WORDS = ["the", "a", "dragon", "flew", "over", "and", "castle", "into", "flames", "darkness"]
PROBABILITIES = [0.25, 0.2, 0.15, 0.1, 0.08, 0.07, 0.06, 0.04, 0.03, 0.02]
SETTINGS = {"temperature": 1.0, "top_p": 0.8}  # in the order in which they are applied
SEED = 7

PROCESSORS = {
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
    "typical_p": TypicalLogitsWarper,
    "epsilon_cutoff": EpsilonLogitsWarper,
}
scores = torch.tensor([PROBABILITIES]).log()
for name, value in SETTINGS.items():
    scores = PROCESSORS[name](value)(None, scores)  # minus infinity where a word is removed
    p = scores.softmax(-1)[0].tolist()  # the rest adds up to 1 again
    print(name, value, {word: round(x, 3) for word, x in zip(WORDS, p) if x > 0})

generator = torch.Generator().manual_seed(SEED)
drawn = torch.multinomial(scores.softmax(-1)[0], 10, replacement=True, generator=generator)
print("ten draws:", [WORDS[i] for i in drawn])
