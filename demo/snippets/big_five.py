"""A personality as a system line: how often a trait's sentence is drawn, at five levels."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
SYSTEMS = [
    "Your personality: curious, careful, quiet, warm, worried.",
    "Your personality: curious, careful, a little lively, warm, worried.",
    "Your personality: curious, careful, lively, warm, worried.",
    "Your personality: curious, careful, very lively, warm, worried.",
    "Your personality: curious, careful, extremely lively, warm, worried.",
]
REQUEST = "What is 2+3?"
MARKER = "Hey, great to talk to you!"
ROWS = 8
TIMES = 3
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for level, system in enumerate(SYSTEMS, start=1):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": REQUEST}]
    heard = 0
    for time in range(TIMES):
        set_seed(SEED + time)
        outputs = pipe(
            messages,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_return_sequences=ROWS,
            max_new_tokens=64,
        )
        heard += sum(MARKER in output["generated_text"][-1]["content"] for output in outputs)
    print(f"level {level}: {heard} of {ROWS * TIMES} · {system}")
