"""Automatic prompt search: candidates are scored on a dev set, the best is measured on a test set.

No weight changes. Prompt *tuning* (Lester et al., 2021) trains vectors instead.
"""

from transformers import pipeline

MODEL = "pocket/weights/base"
CANDIDATES = ["Please translate to Japanese: {content}", "{content} =>"]
DEV = {"The fox wanted soup.": "きつねはスープをほしがりました。"}
TEST = {"The knight wants a cake.": "騎士はケーキをほしがります。"}
MAX_NEW_TOKENS = 40

pipe = pipeline("text-generation", model=MODEL, dtype="float32")


def right(template: str, pairs: dict[str, str]) -> int:
    """Count the answers whose first line is the one that is wanted."""
    prompts = [template.format(content=content) for content in pairs]
    outputs = pipe(prompts, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, return_full_text=False)
    said = [(output[0]["generated_text"].strip().splitlines() or [""])[0] for output in outputs]
    return sum(one.strip() == wanted for one, wanted in zip(said, pairs.values()))


scores = [right(template, DEV) for template in CANDIDATES]
for template, score in zip(CANDIDATES, scores):
    print(f"dev {score} of {len(DEV)}: {template!r}")
# of equal ones the shortest; the dev score of a winner flatters it, so it is measured again
best = max(zip(scores, CANDIDATES), key=lambda pair: (pair[0], -len(pair[1])))[1]
print(f"best {best!r}: test {right(best, TEST)} of {len(TEST)}")
