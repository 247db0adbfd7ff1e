"""Ask a lab that runs, from a script of your own: OpenAI's client (`pip install openai`)."""

from openai import APIConnectionError, OpenAI

URL = "http://127.0.0.1:7860"
KEY = "none"
PROMPT = "Tell me a story about a dragon."
SEED = 7
MAX_TOKENS = 128

client = OpenAI(base_url=f"{URL}/v1", api_key=KEY)
try:
    model = client.models.list().data[0].id
except APIConnectionError:
    print("no lab answers at", URL, "- start one with: make run")
    raise SystemExit from None

messages = [{"role": "user", "content": PROMPT}]
asked = {"model": model, "messages": messages, "seed": SEED, "max_tokens": MAX_TOKENS}
for chunk in client.chat.completions.create(**asked, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

whole = client.chat.completions.create(**asked, logprobs=True, top_logprobs=3)
tokens = whole.choices[0].logprobs.content
print(len(tokens), "new tokens; the first:")
for token in tokens[0].top_logprobs:
    print(f"{token.logprob:8.3f} {token.token!r}")
