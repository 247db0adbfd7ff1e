"""The course's persona: the same request and seed under different system lines."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
SYSTEMS = ["You are a helpful Kansai-jin assistant.", "You are a helpful assistant."]
REQUEST = "Please translate to Japanese: Tell me a story about a dragon."
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 160
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for system in SYSTEMS:
    messages = [{"role": "system", "content": system}] if system.strip() else []
    messages.append({"role": "user", "content": REQUEST})
    set_seed(SEED)
    output = pipe(messages, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
    print(f"{system}\n  {output[0]['generated_text'][-1]['content'].strip()}")
