"""Examples as turns: what was answered stands as the assistant's, and the template marks roles."""

from transformers import pipeline, set_seed

MODEL = "pocket/weights/chat"
SYSTEM = "You are a helpful assistant."
CONTENT = "Tell me a story about a dragon."
ENGLISH = ["How are you?", "Today is a beautifulday."]
JAPANESE = ["お元気ですか？", "今日はいい天気ですね。"]
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
MAX_NEW_TOKENS = 48
SEED = 7


def asked(english: str) -> dict[str, str]:
    text = f"Please translate to Japanese: \nEnglish: {english}"
    return {"role": "user", "content": text}


pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for n in range(len(ENGLISH) + 1):
    messages = [{"role": "system", "content": SYSTEM}]
    for english, japanese in list(zip(ENGLISH, JAPANESE))[len(ENGLISH) - n :]:
        messages += [
            asked(english),
            {"role": "assistant", "content": f"Japanese: {japanese}"},
        ]
    messages.append(asked(CONTENT))
    set_seed(SEED)
    [output] = pipe(messages, max_new_tokens=MAX_NEW_TOKENS, **SAMPLING)
    print(f"--- {n}-shot\n{output['generated_text'][-1]['content']}")
