"""The course's four prompts as a list: a list of lists comes out, one prompt after the other."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPTS = [
    "Please translate to Japanese: Tell me a story about a dragon.",
    "Please translate to Japanese: \nEnglish: Tell me a story about a dragon.\nJapanese:",
    "Please write a short sentence: Tell me a story about a dragon.",
    "Please paraphrase this sentence: Tell me a story about a dragon.",
]
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 40
SEED = 0

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
set_seed(SEED)
outputs = pipe(PROMPTS, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
print(type(outputs).__name__, "of", type(outputs[0]).__name__, "of", type(outputs[0][0]).__name__)
for output in outputs:
    print(repr(output[0]["generated_text"]))
