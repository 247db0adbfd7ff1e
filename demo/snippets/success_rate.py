"""One prompt, n seeds: how often it works, with the 95 % interval (Wilson, 1927)."""

import math

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Please translate to Japanese: Tell me a story about a dragon."
RIGHT = "ドラゴンの物語を聞かせてください。"
SAMPLING = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
MAX_NEW_TOKENS = 40
N = 10

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
right = 0
for seed in range(N):
    set_seed(seed)
    output = pipe(PROMPT, max_new_tokens=MAX_NEW_TOKENS, return_full_text=False, **SAMPLING)
    lines = output[0]["generated_text"].strip().splitlines()
    said = lines[0].strip() if lines else ""
    right += said == RIGHT
    print(f"seed {seed}: {said}")

z, share = 1.96, right / N
middle = (share + z * z / (2 * N)) / (1 + z * z / N)
half = z * math.sqrt(share * (1 - share) / N + z * z / (4 * N * N)) / (1 + z * z / N)
print(f"{right} of {N}, {100 * max(middle - half, 0):.0f} to {100 * min(middle + half, 1):.0f} %")
