"""The manual path lacks the start token: another length, another distribution of the next token."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
by_hand = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(PROMPT))
whole = tokenizer(PROMPT)["input_ids"]

found = []
for name, ids in (("by hand", by_hand), ("tokenizer()", whole)):
    with torch.inference_mode():
        p = model(torch.tensor([ids])).logits[0, -1].softmax(-1)
    found.append(p)
    top = [(tokenizer.convert_ids_to_tokens(int(i)), round(float(p[i]), 4)) for i in p.topk(5)[1]]
    print(name, len(ids), tokenizer.convert_ids_to_tokens(ids))
    print("  next:", top)
print(f"total variation distance: {(found[0] - found[1]).abs().sum() / 2:.2f}")
