"""The same question behind no, one and two examples, each row with the same seed."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/base"
CONTENT = "Tell me a story about a dragon."
ENGLISH = ["How are you?", "Today is a beautifulday."]
JAPANESE = ["お元気ですか？", "今日はいい天気ですね。"]
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
MAX_NEW_TOKENS = 48
SEED = 7


def layout(english: str) -> str:
    return f"Please translate to Japanese: \nEnglish: {english}\nJapanese:"


shots = [f"{layout(e)} {j}\n\n" for e, j in zip(ENGLISH, JAPANESE)]
pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for n in range(len(shots) + 1):
    prompt = "".join(shots[len(shots) - n :]) + layout(CONTENT)
    set_seed(SEED)
    [output] = pipe(prompt, max_new_tokens=MAX_NEW_TOKENS, return_full_text=False, **SAMPLING)
    answer, _, run_on = output["generated_text"].strip().partition("\n")
    print(f"--- {n}-shot\n{answer}\n({len(run_on)} more characters after the answer)")
