"""Sentences of the course's first section, tried on today's library."""

from transformers import AutoModelForCausalLM, AutoTokenizer, TextGenerationPipeline

MODEL = "pocket/weights/chat"
TEXT = "1+1=2\n竜"

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(TEXT, return_tensors="pt")

try:
    model.generate(**inputs, max_new_token=5)  # the course's spelling: max_new_tokens is meant
except ValueError as error:
    print("ValueError:", error)
print("no limit given:", TextGenerationPipeline._default_generation_config.max_new_tokens)
try:
    token = tokenizer.tokenize(TEXT)
    input_ids = tokenizer.convert_tokens_to_ids(tokens)  # the course's slip
except NameError as error:
    print("NameError:", error)
ids = inputs["input_ids"][0].tolist()
print(repr("".join(tokenizer.convert_ids_to_tokens(ids)).replace("\u2581", " ")))
print(repr(tokenizer.decode(ids, skip_special_tokens=True)))
print("".join(["Ex", "plan", "ation"]))
