"""Long words fall into pieces, rare letters into bytes; what a sentence costs in each language."""

from transformers import AutoTokenizer

MODEL = "pocket/weights/chat"
WORDS = ["Supercalifragilisticexpialidocious", "dragon", "竜", "🐉"]
SENTENCES = ["Once upon a time there was a dragon.", "むかしむかし、竜がいました。"]

tokenizer = AutoTokenizer.from_pretrained(MODEL)
for word in WORDS:
    pieces = tokenizer.tokenize(word)
    ids = tokenizer.convert_tokens_to_ids(pieces)
    print(word, len(word), "characters", len(word.encode()), "bytes", len(pieces), "tokens")
    print("  pieces", pieces)
    print("  joined", repr("".join(pieces).replace("\u2581", " ")))
    print("  decode", repr(tokenizer.decode(ids)))
counts = [len(tokenizer.tokenize(sentence)) for sentence in SENTENCES]
print("tokens", counts, f"ratio {counts[1] / counts[0]:.2f}")
