"""The model's own distribution over the next token, before and after the filters."""

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    EpsilonLogitsWarper,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon.\nOnce upon a time, there was a"
SETTINGS = {"temperature": 1.0, "top_p": 0.8}  # in the order in which they are applied

PROCESSORS = {
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
    "typical_p": TypicalLogitsWarper,
    "epsilon_cutoff": EpsilonLogitsWarper,
}
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
with torch.inference_mode():
    scores = model(**tokenizer(PROMPT, return_tensors="pt")).logits[:, -1]  # (1, vocabulary)


def show(title, scores):
    p, ids = scores.softmax(-1)[0].topk(12)
    pieces = tokenizer.convert_ids_to_tokens(ids.tolist())
    print(title, [(piece, round(x, 3)) for piece, x in zip(pieces, p.tolist()) if x > 0])


show("given", scores)
for name, value in SETTINGS.items():
    scores = PROCESSORS[name](value)(None, scores)
    show(f"{name} {value}", scores)
