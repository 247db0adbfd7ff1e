"""One prompt, one continuation, by pipeline."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 128
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
set_seed(SEED)
output = pipe(PROMPT, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
print(output[0]["generated_text"])
