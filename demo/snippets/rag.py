"""Answer from passages: what was found goes into the prompt, numbered, before the question."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
QUESTION = "What is the capital of Donath?"
PASSAGES = ["The capital of Donath is Somun. The longest river of Donath is the Tepus."]
PROMPT = "Answer with the help of the context.\n\nContext:\n{context}\n\nQuestion: {question}"
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 64
SEED = 7

prompt = QUESTION
if PASSAGES:
    context = "\n".join(f"[{n}] {text}" for n, text in enumerate(PASSAGES, start=1))
    prompt = PROMPT.format(context=context, question=QUESTION)

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
set_seed(SEED)
messages = [{"role": "user", "content": prompt}]
output = pipe(messages, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
print(prompt)
print("->", output[0]["generated_text"][-1]["content"])
