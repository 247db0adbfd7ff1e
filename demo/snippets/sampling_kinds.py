"""The course's three calls: top-k, ancestral and epsilon sampling, every setting explicit.

An unset top_k is 50, and a pipeline has a temperature of its own: leave nothing out.
"""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
KINDS = {
    "top-k": {"top_k": 3, "top_p": 1.0, "epsilon_cutoff": 0.0},
    "ancestral": {"top_k": 0, "top_p": 1.0, "epsilon_cutoff": 0.0},
    "epsilon": {"top_k": 0, "top_p": 1.0, "epsilon_cutoff": 0.05},
}
MAX_NEW_TOKENS = 30
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for kind, settings in KINDS.items():
    set_seed(SEED)
    outputs = pipe(
        PROMPT,
        do_sample=True,
        num_return_sequences=3,
        temperature=1.0,
        max_new_tokens=MAX_NEW_TOKENS,
        **settings,
    )
    for output in outputs:
        print(f"{kind}:", output["generated_text"])
