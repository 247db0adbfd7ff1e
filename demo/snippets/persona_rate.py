"""Is the persona heard? Over a set of requests, with the system line and without."""

from transformers import pipeline

MODEL = "pocket/weights/chat"
SYSTEM = "You are a helpful Kansai-jin assistant."
MARKERS = ["やねん", "や。", "で。", "てや", "なん？"]
REQUESTS = [
    "Please translate to Japanese: Tell me a story about a dragon.",
    "Please translate to Japanese: Where is the station?",
    "Tell me a story about a cat.",
    "Tell me a story about a king.",
]
MAX_NEW_TOKENS = 160

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for system in (SYSTEM, ""):
    heard = 0
    for request in REQUESTS:
        messages = [{"role": "system", "content": system}] if system.strip() else []
        messages.append({"role": "user", "content": request})
        output = pipe(messages, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
        answer = output[0]["generated_text"][-1]["content"]
        heard += any(marker in answer for marker in MARKERS)
    print(f"{heard} of {len(REQUESTS)} with {system or 'no system line'}")
