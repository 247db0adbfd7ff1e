"""Only the generated part: four ways to cut the prompt off. The last one is wrong."""

from transformers import pipeline

MODEL = "pocket/weights/chat"
MESSAGES = [
    {"role": "system", "content": "You are a helpful Kansai-jin assistant."},
    {"role": "user", "content": "Please translate to Japanese: Tell me a story about a dragon."},
]
MAX_NEW_TOKENS = 40

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
tokenizer = pipe.tokenizer
prompt = tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, tokenize=False)
# the template has written the start token already
settings = {"do_sample": False, "max_new_tokens": MAX_NEW_TOKENS, "add_special_tokens": False}

new = pipe(prompt, return_full_text=False, **settings)[0]["generated_text"]
print("return_full_text=False:", new.strip())

inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
ids = pipe.model.generate(**inputs, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)[0]
n = inputs["input_ids"].shape[1]
print("ids[n:]:", tokenizer.decode(ids[n:], skip_special_tokens=True).strip())

whole = pipe(prompt, **settings)[0]["generated_text"]  # the prompt's own string, then the new text
print("pipeline, [len(prompt):]:", whole[len(prompt) :].strip())

decoded = tokenizer.decode(ids, skip_special_tokens=True)  # the prompt has lost its <s> here
print("decoded, [len(prompt):]:", decoded[len(prompt) :].strip())
