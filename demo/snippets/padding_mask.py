"""What the attention mask is for: padding, when prompts of unequal length share a batch."""

from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPTS = ["Tell me a story about a dragon.", "1+1=?"]

tokenizer = AutoTokenizer.from_pretrained(MODEL)
tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, "left"
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()

batch = tokenizer(PROMPTS, return_tensors="pt", padding=True)
for ids, mask in zip(batch["input_ids"], batch["attention_mask"]):
    print(tokenizer.convert_ids_to_tokens(ids.tolist()))
    print(mask.tolist())

short = int(batch["attention_mask"].sum(-1).argmin())
alone = model(**tokenizer(PROMPTS[short], return_tensors="pt")).logits[0, -1]
masked = model(**batch).logits[short, -1]
ones = model(batch["input_ids"], attention_mask=batch["attention_mask"] * 0 + 1).logits[short, -1]
print(f"largest difference to the prompt alone, with the mask: {(masked - alone).abs().max():.0e}")
print(f"the same with a mask of ones: {(ones - alone).abs().max():.2f}")
