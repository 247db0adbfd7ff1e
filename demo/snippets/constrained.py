"""Constrained decoding: only tokens that can still end in a match may come (Willard and Louf)."""

import re

from outlines_core import Index, Vocabulary
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

MODEL = "pocket/weights/base"
PROMPT = "English: How are you?\nJapanese: お元気ですか？\n\nEnglish: I like the cat.\nJapanese:"
PATTERN = "[^\\n\u3002\uff1f]{1,30}[\u3002\uff1f]"  # of a schema: build_regex_from_schema
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 128
SEED = 7

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
bytes_of = {}  # a byte-fallback piece is one byte of a character
for token_id, piece in enumerate(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))):
    byte = re.fullmatch("<0x(..)>", piece)
    if token_id not in tokenizer.all_special_ids:
        data = bytes.fromhex(byte[1]) if byte else piece.replace("\u2581", " ").encode()
        bytes_of[token_id] = data
table = {}
for token_id, data in bytes_of.items():
    table.setdefault(data, []).append(token_id)
index = Index(PATTERN, Vocabulary(tokenizer.eos_token_id, table))
inputs = tokenizer(PROMPT, return_tensors="pt")
given = inputs["input_ids"].shape[1]


def state_after(data):
    state = index.get_initial_state()
    for byte in data:
        if state is not None:
            state = index.get_next_state(state, table[bytes([byte])][0])
    return state


def allowed(_, ids):
    """The end token is among them where the text matches; one blank may stand before it."""
    said = b"".join(bytes_of[token_id] for token_id in ids[given:].tolist())
    state = state_after(said)
    if state is None:
        state = state_after(said[1:])
    ids = index.get_allowed_tokens(state)
    if not said:
        ids += [t for t, d in bytes_of.items() if d[:1] == b" " and state_after(d[1:]) is not None]
    return ids


for name, options in (("free", {}), ("constrained", {"prefix_allowed_tokens_fn": allowed})):
    set_seed(SEED)
    output = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING, **options)
    print(f"{name}:", repr(tokenizer.decode(output[0, given:], skip_special_tokens=True)))
