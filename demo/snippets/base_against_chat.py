"""The course's four prompts on a base and on a chat model, each prompt with the same seed."""

from transformers import pipeline, set_seed

MODELS = ["pocket/weights/base", "pocket/weights/chat"]
CONTENT = "Tell me a story about a dragon."
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
MAX_NEW_TOKENS = 40
SEED = 0

prompts = [
    f"Please translate to Japanese: {CONTENT}",
    f"Please translate to Japanese: \nEnglish: {CONTENT}\nJapanese:",
    f"Please write a short sentence: {CONTENT}",
    f"Please paraphrase this sentence: {CONTENT}",
]
pipes = {model: pipeline("text-generation", model=model, dtype="float32") for model in MODELS}
for prompt in prompts:
    print(f"--- {prompt!r}")
    for model, pipe in pipes.items():
        set_seed(SEED)
        [output] = pipe(prompt, max_new_tokens=MAX_NEW_TOKENS, return_full_text=False, **SAMPLING)
        print(f"{model}: {output['generated_text'].strip().partition(chr(10))[0]}")
