"""A run ends at the end token, or at the limit: the last id says which."""

from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "1+1=?"
LIMITS = [3, 60]

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
print("start", tokenizer.bos_token, tokenizer.bos_token_id)
print("end", tokenizer.eos_token, tokenizer.eos_token_id)
inputs = tokenizer(PROMPT, return_tensors="pt")
for limit in LIMITS:
    ids = model.generate(**inputs, max_new_tokens=limit, do_sample=False)[0].tolist()
    new = ids[inputs["input_ids"].shape[1] :]
    reason = "end token" if new[-1] == tokenizer.eos_token_id else "limit"
    print(f"limit {limit}: {len(new)} new tokens, ended by the {reason}")
    print(" ", tokenizer.convert_ids_to_tokens(new), new)
