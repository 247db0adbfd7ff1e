"""Minimum Bayes risk: of several samples, the one most like the others; not the most probable."""

from sacrebleu.metrics import CHRF
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
SAMPLING = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "epsilon_cutoff": 0.0}
NUM_SAMPLES = 16
USED = 8  # of the samples, the first
MAX_NEW_TOKENS = 32
SEED = 7

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(PROMPT, return_tensors="pt")
start = inputs["input_ids"].shape[1]

set_seed(SEED)
out = model.generate(
    **inputs,
    num_return_sequences=NUM_SAMPLES,
    max_new_tokens=MAX_NEW_TOKENS,
    pad_token_id=tokenizer.pad_token_id or 0,
    output_logits=True,
    return_dict_in_generate=True,
    **SAMPLING,
)
logprobs = model.compute_transition_scores(out.sequences, out.logits, normalize_logits=True)
texts, totals = [], []
for ids, parts in zip(out.sequences[:USED, start:].tolist(), logprobs):
    end = model.generation_config.eos_token_id
    n = ids.index(end) + 1 if end in ids else len(ids)
    texts.append(tokenizer.decode(ids[:n], skip_special_tokens=True))
    totals.append(float(parts[:n].sum()))

chrf = CHRF()
means = [sum(chrf.sentence_score(a, [b]).score for b in texts) / USED for a in texts]
for name, values in (("MBR", means), ("most probable", totals)):
    best = max(range(USED), key=lambda i: values[i])
    print(f"{name}: sample {best + 1}, {values[best]:.3f}")
    print(repr(texts[best]))
