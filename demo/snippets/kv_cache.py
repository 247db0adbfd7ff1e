"""The KV cache on and off: tokens per second, the bytes it holds, the same text."""

import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
MAX_NEW_TOKENS = 120

torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(PROMPT, return_tensors="pt")
length = inputs["input_ids"].shape[1]
model.generate(**inputs, max_new_tokens=4, do_sample=False)  # warm
speeds, texts = {}, []
for use_cache in (True, False):
    began = time.perf_counter()
    output_ids = model.generate(
        **inputs,
        max_new_tokens=MAX_NEW_TOKENS,
        min_new_tokens=MAX_NEW_TOKENS,
        do_sample=False,
        use_cache=use_cache,
    )
    speeds[use_cache] = MAX_NEW_TOKENS / (time.perf_counter() - began)
    texts.append(output_ids[0].tolist())
    print(f"use_cache={use_cache}: {speeds[use_cache]:.0f} tokens/s")
config, positions = model.config, length + MAX_NEW_TOKENS - 1
held = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * positions * 4
print(f"ratio {speeds[True] / speeds[False]:.1f}, cache {held / 2**20:.2f} MiB")
print("the same tokens:", texts[0] == texts[1])
