"""N texts and their Self-BLEU against all the others; the prompt removed, then kept."""

import sacrebleu
from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
N = 3
MAX_NEW_TOKENS = 60
SEED = 7
TOKENIZE = "13a"  # "char" for Japanese or Chinese: 13a cuts at blanks


def self_bleu(texts, all_others=True):
    """Score each text against all others, or as the course did against the first other alone."""
    scores = []
    for i, text in enumerate(texts):
        others = texts[:i] + texts[i + 1 :]
        references = others if all_others else others[:1]
        scores.append(sacrebleu.sentence_bleu(text, references, tokenize=TOKENIZE).score)
    return scores


pipe = pipeline("text-generation", model=MODEL, dtype="float32")
set_seed(SEED)
outputs = pipe(PROMPT, num_return_sequences=N, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
whole = [output["generated_text"].strip() for output in outputs]
new = [text.removeprefix(PROMPT).strip() for text in whole]
for text in new:
    print("-", text)
for name, texts in (("prompt removed", new), ("prompt kept", whole)):
    for all_others in (True, False):
        scores = self_bleu(texts, all_others)
        each = " ".join(f"{score:.2f}" for score in scores)
        against = "all others" if all_others else "first other"
        print(f"{name}, {against}: mean {sum(scores) / len(scores):.2f} ({each}), N = {N}")
