"""One prompt, three runs: drawing gives another text each time, the most likely token the same."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
MAX_NEW_TOKENS = 40
SEEDS = [7, 8, 9]

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for seed in SEEDS:
    set_seed(seed)
    # top_k=0 and temperature=1.0: unset, the library's 50 and the pipeline's 0.7 would act
    drawn = pipe(PROMPT, do_sample=True, temperature=1.0, top_k=0, max_new_tokens=MAX_NEW_TOKENS)
    print(seed, "drawn: ", drawn[0]["generated_text"])
    likely = pipe(PROMPT, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
    print(seed, "likely:", likely[0]["generated_text"])
