"""A filter of your own: any rule over the scores, handed to generate.

This one is top-a: a token stays if its probability is at least a times the square of the best.
Where the model is sure it cuts hard, where it is not it lets nearly everything pass.
"""

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
    set_seed,
)

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
A = 0.5
MAX_NEW_TOKENS = 60
SEED = 7


class TopA(LogitsProcessor):
    def __call__(self, input_ids, scores):
        p = scores.softmax(-1)  # (rows, vocabulary)
        best = p.max(-1, keepdim=True).values
        return scores.masked_fill(p < A * best**2, float("-inf"))  # the best one always stays


words = torch.tensor([[0.25, 0.20, 0.15, 0.10, 0.08, 0.07, 0.06, 0.04, 0.03, 0.02]])
print("ten words:", [round(x, 3) for x in TopA()(None, words.log()).softmax(-1)[0].tolist()])

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(PROMPT, return_tensors="pt")
set_seed(SEED)
ids = model.generate(
    **inputs,
    logits_processor=LogitsProcessorList([TopA()]),
    do_sample=True,
    temperature=1.0,
    top_k=0,
    top_p=1.0,
    max_new_tokens=MAX_NEW_TOKENS,
)
print(tokenizer.decode(ids[0], skip_special_tokens=True))
