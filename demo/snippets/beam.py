"""Beam search, or beam sampling: the best sequences beside the greedy one."""

from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
NUM_BEAMS = 4
LENGTH_PENALTY = 1.0  # score = summed log-probability / tokens ** LENGTH_PENALTY
SAMPLING = {"do_sample": False}  # True: the candidates are drawn (beam sampling)
MAX_NEW_TOKENS = 32
SEED = 7

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(PROMPT, return_tensors="pt")
start = inputs["input_ids"].shape[1]
pad = tokenizer.pad_token_id or 0  # fills the shorter sequences

greedy = model.generate(**inputs, do_sample=False, max_new_tokens=MAX_NEW_TOKENS, pad_token_id=pad)
print("greedy:", repr(tokenizer.decode(greedy[0, start:], skip_special_tokens=True)))

set_seed(SEED)
beams = model.generate(
    **inputs,
    num_beams=NUM_BEAMS,
    num_return_sequences=NUM_BEAMS,
    length_penalty=LENGTH_PENALTY,
    early_stopping=False,
    max_new_tokens=MAX_NEW_TOKENS,
    pad_token_id=pad,
    output_scores=True,
    return_dict_in_generate=True,
    **SAMPLING,
)
for ids, score in zip(beams.sequences, beams.sequences_scores):
    print(f"{score:.4f}", repr(tokenizer.decode(ids[start:], skip_special_tokens=True)))
