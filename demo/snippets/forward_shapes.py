"""A list of prompts: lists inside a list come out, and the prompts are run one by one."""

from transformers import pipeline

MODEL = "pocket/weights/chat"
PROMPTS = ["Tell me a story about a dragon.", "1+1=?", "Hello."]
NEW_TOKENS = 3

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
shapes = []
pipe.model.register_forward_pre_hook(
    lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
)

one = pipe(PROMPTS[0], max_new_tokens=NEW_TOKENS, do_sample=False)
print("a string in:", one)  # one[0]["generated_text"]
shapes.clear()
several = pipe(PROMPTS, max_new_tokens=NEW_TOKENS, do_sample=False)
print("a list in:", several)  # several[1][0]["generated_text"]
print("forwards (rows, positions):", shapes)

# together only when asked for; padding goes on the left, since the text goes on at the right
pipe.tokenizer.pad_token, pipe.tokenizer.padding_side = pipe.tokenizer.eos_token, "left"
shapes.clear()
pipe(PROMPTS, batch_size=2, max_new_tokens=NEW_TOKENS, do_sample=False)
print("with batch_size=2:", shapes)
