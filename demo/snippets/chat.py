"""A conversation: the whole history goes through the chat template at every turn."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
MESSAGES = [{"role": "user", "content": "Tell me a story about a dragon."}]
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 128
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
print(pipe.tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, tokenize=False))
set_seed(SEED)
output = pipe(MESSAGES, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
print(output[0]["generated_text"][-1]["content"])
