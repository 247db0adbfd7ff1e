"""A conversation longer than the context: the oldest exchanges go, the system line stays."""

from transformers import pipeline

MODEL = "pocket/weights/chat"
CONTEXT = 256  # positions; the model itself has 2,048
MAX_NEW_TOKENS = 120  # kept free for the reply
SYSTEM = "You are a helpful assistant."
ASKED = [
    "Tell me a story about a cat.",
    "Tell me a story about a dragon.",
    "Please translate to Japanese: Where is the station?",
]

pipe = pipeline("text-generation", model=MODEL, dtype="float32")


def ids_of(messages):
    """Count the ids of a conversation."""
    text = pipe.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return len(pipe.tokenizer(text, add_special_tokens=False)["input_ids"])


head, history = [{"role": "system", "content": SYSTEM}], []
for request in ASKED:
    history.append({"role": "user", "content": request})
    given, before = history, ids_of(head + history)
    while ids_of(head + given) + MAX_NEW_TOKENS > CONTEXT and len(given) > 1:
        given = given[2:]  # a question and its answer
    sent = ids_of(head + given)
    output = pipe(head + given, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
    history.append(output[0]["generated_text"][-1])
    print(f"{sent} ids sent, {before - sent} left out: {history[-1]['content'].strip()}")
