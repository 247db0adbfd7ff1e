"""Where a beam's score comes from: log-probabilities, their sum, the length penalty."""

from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
NUM_BEAMS = 4
LENGTH_PENALTY = 1.0
MAX_NEW_TOKENS = 32

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(PROMPT, return_tensors="pt")
start = inputs["input_ids"].shape[1]

out = model.generate(
    **inputs,
    num_beams=NUM_BEAMS,
    num_return_sequences=NUM_BEAMS,
    do_sample=False,
    length_penalty=LENGTH_PENALTY,
    early_stopping=False,
    max_new_tokens=MAX_NEW_TOKENS,
    pad_token_id=tokenizer.pad_token_id or 0,
    output_scores=True,
    return_dict_in_generate=True,
)
# (beams, new tokens); zero behind the end of a shorter sequence
logprobs = model.compute_transition_scores(out.sequences, out.scores, out.beam_indices)
tokens = (out.beam_indices >= 0).sum(1)
scores = logprobs.sum(1) / tokens**LENGTH_PENALTY
for total, n, score, given in zip(logprobs.sum(1), tokens, scores, out.sequences_scores):
    print(f"sum {total:.4f}, {n} tokens, score {score:.4f}, generate's {given:.4f}")
best = zip(out.sequences[0, start:], logprobs[0, : tokens[0]])
print(" ".join(f"{tokenizer.convert_ids_to_tokens(int(i))} {p:.2f}" for i, p in best))
