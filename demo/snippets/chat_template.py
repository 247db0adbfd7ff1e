"""A chat template: a list of messages becomes one text, and that text becomes ids."""

from transformers import AutoTokenizer

MODEL = "pocket/weights/chat"
MESSAGES = [{"role": "user", "content": "Tell me a story about a dragon."}]
TEMPLATE = None  # the tokenizer's own
ADD_GENERATION_PROMPT = True

tokenizer = AutoTokenizer.from_pretrained(MODEL)
options = {"chat_template": TEMPLATE, "add_generation_prompt": ADD_GENERATION_PROMPT}
text = tokenizer.apply_chat_template(MESSAGES, tokenize=False, **options)
print(text)
print("---")
right = tokenizer.apply_chat_template(MESSAGES, tokenize=True, **options)["input_ids"]
again = tokenizer(text)["input_ids"]  # the trap: the tokenizer puts its start token before it
mended = tokenizer(text, add_special_tokens=False)["input_ids"]
for name, ids in (("messages", right), ("text again", again), ("nothing added", mended)):
    print(f"{name}: {len(ids)} ids,", tokenizer.convert_ids_to_tokens(ids[:4]), "...")
print("mended equals messages:", mended == right)
