"""Chain of thought: the same problems answered at once and worked step by step."""

from transformers import pipeline

MODEL = "pocket/weights/chat"
WISHES = ["Answer at once.", "Think step by step."]
PROBLEMS = [
    ("Koji has 4 apples. Koji gets 7 more and gives 2 away. How many apples are left?", 9),
    ("3+8+9+5=?", 25),
]
GAP = " "
SAID = "The answer is {}."
MAX_NEW_TOKENS = 64

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for wish in WISHES:
    right = 0
    for question, result in PROBLEMS:
        messages = [{"role": "user", "content": f"{question}{GAP if wish else ''}{wish}"}]
        output = pipe(messages, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        said = output[0]["generated_text"][-1]["content"].strip()
        right += said.endswith(SAID.format(result))
        print(f"{question} {wish} -> {said}")
    print(f"{wish!r}: {right} of {len(PROBLEMS)}")
