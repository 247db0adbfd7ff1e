"""set_seed fixes a stream of random numbers: the same run repeats, a place in a list does not."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
OTHER = "Once upon a time"
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
MAX_NEW_TOKENS = 40
SEED = 7

pipe = pipeline("text-generation", model=MODEL, dtype="float32")


def texts(prompts, seed_each=False):
    """Continue each prompt; the seed is set once, or again before each."""
    set_seed(SEED)
    found = {}
    for prompt in prompts:
        if seed_each:
            set_seed(SEED)
        found[prompt] = pipe(prompt, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)[0]["generated_text"]
    return found


first, again = texts([PROMPT]), texts([PROMPT])
print("the same run twice is the same:", first == again)
one, two = texts([PROMPT, OTHER]), texts([OTHER, PROMPT])
print("first and second in a list are the same:", one[PROMPT] == two[PROMPT])
one, two = texts([PROMPT, OTHER], seed_each=True), texts([OTHER, PROMPT], seed_each=True)
print("with the seed set before each, they are:", one[PROMPT] == two[PROMPT])
