"""Several texts at once: a list of dicts. Greedy has only one; beam search has several."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
N = 3
MAX_NEW_TOKENS = 40
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
set_seed(SEED)
outputs = pipe(PROMPT, num_return_sequences=N, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
print(type(outputs).__name__, len(outputs), "x", type(outputs[0]).__name__, list(outputs[0]))
for output in outputs:
    print("-", output["generated_text"])

try:
    pipe(PROMPT, num_return_sequences=3, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
except ValueError as error:
    print("greedy:", error)

beam = {"do_sample": False, "num_beams": 5, "num_return_sequences": 3}
for output in pipe(PROMPT, max_new_tokens=MAX_NEW_TOKENS, **beam):
    print("beam:", output["generated_text"])
