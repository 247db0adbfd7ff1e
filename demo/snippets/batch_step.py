"""One step of the model for 1, 2, 4, 8 and 16 sequences: milliseconds, and tokens per second."""

import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
ROWS = [1, 2, 4, 8, 16]
STEPS = 40

torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
for rows in ROWS:
    inputs = tokenizer([PROMPT] * rows, return_tensors="pt")
    with torch.inference_mode():
        output = model(**inputs, use_cache=True)  # prefill: the whole prompt, once
        began = time.perf_counter()
        for _ in range(STEPS):  # decode: one token for every row in each step
            next_ids = output.logits[:, -1].argmax(dim=-1, keepdim=True)
            output = model(next_ids, past_key_values=output.past_key_values, use_cache=True)
    step = (time.perf_counter() - began) / STEPS
    print(f"{rows:2} rows: {1000 * step:5.1f} ms a step, {rows / step:6.0f} tokens/s in all")
