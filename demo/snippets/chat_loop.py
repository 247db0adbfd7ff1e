"""The course's second exercise: a chat in a loop. An empty line ends it."""

import sys

from transformers import pipeline

MODEL = "pocket/weights/chat"
SYSTEM = "You are a helpful assistant."
ASKED = ["Hello.", "Tell me a story about a cat."]  # what is asked when nobody sits at a keyboard

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
messages = [{"role": "system", "content": SYSTEM}]
asked = iter(ASKED)
while text := (input("> ") if sys.stdin.isatty() else next(asked, "")):
    messages.append({"role": "user", "content": text})
    output = pipe(messages, do_sample=False, max_new_tokens=200)
    messages = output[0]["generated_text"]  # the whole conversation, the reply at its end
    print(messages[-1]["content"])
