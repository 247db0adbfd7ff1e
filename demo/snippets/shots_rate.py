"""0, 1 and 2 examples on the base model over sentences that training never saw: how many right.

The sentences and their translations come from the grammar that wrote the training text: nobody
else has a list of what this model never saw.
"""

import math
import random
import sys

from transformers import pipeline

sys.path.insert(0, ".")  # run from the repository's root
from pocket.sentences import HELD_OUT

MODEL = "pocket/weights/base"
ENGLISH = ["How are you?", "Today is a beautifulday."]
JAPANESE = ["お元気ですか？", "今日はいい天気ですね。"]
N = 10
MAX_NEW_TOKENS = 40


def layout(english: str) -> str:
    return f"Please translate to Japanese: \nEnglish: {english}\nJapanese:"


shots = [f"{layout(e)} {j}\n\n" for e, j in zip(ENGLISH, JAPANESE)]
pairs = random.Random(2).sample(HELD_OUT, 200)[:N]
pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for n in range(len(shots) + 1):
    right = 0
    for pair in pairs:
        prompt = "".join(shots[len(shots) - n :]) + layout(pair.english)
        [output] = pipe(
            prompt, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, return_full_text=False
        )
        right += output["generated_text"].strip().partition("\n")[0].strip() == pair.japanese
    z, share = 1.96, right / N  # Wilson's interval, 1927
    middle = (share + z * z / (2 * N)) / (1 + z * z / N)
    half = z * math.sqrt(share * (1 - share) / N + z * z / (4 * N * N)) / (1 + z * z / N)
    low, high = 100 * max(middle - half, 0), 100 * min(middle + half, 1)
    print(f"{n}-shot: {right} of {N}, {low:.0f} to {high:.0f} %")
