"""Text to ids by hand, beside what tokenizer() does: the start token is what is missing."""

from transformers import AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."

tokenizer = AutoTokenizer.from_pretrained(MODEL)
pieces = tokenizer.tokenize(PROMPT)
by_hand = tokenizer.convert_tokens_to_ids(pieces)
whole = tokenizer(PROMPT)["input_ids"]
print(pieces)
print(len(by_hand), by_hand)
print(len(whole), whole)
print("missing by hand:", tokenizer.convert_ids_to_tokens(whole[: len(whole) - len(by_hand)]))
