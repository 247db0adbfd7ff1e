"""Ask a lab that runs, from a script of your own: Gradio's client (`pip install gradio_client`)."""

from gradio_client import Client
from gradio_client.exceptions import AppError
from httpx import ConnectError

URL = "http://127.0.0.1:7860"
KEY = "none"
PROMPT = "Tell me a story about a dragon."
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_p": 0.9}
MAX_NEW_TOKENS = 128
SEED = 7

try:
    client = Client(f"{URL}/", headers={"Authorization": f"Bearer {KEY}"}, verbose=False)
except ConnectError:
    print("no lab answers at", URL, "- start one with: make run")
    raise SystemExit from None

try:
    pieces = client.predict(PROMPT, api_name="/tokenize")
    print(len(pieces), "tokens:", [piece["text"] for piece in pieces])
except AppError as error:  # of a lab whose models, and their tokenizers, are on another server
    print(error)
asked = {"max_new_tokens": MAX_NEW_TOKENS, "seed": SEED, **SAMPLING}
for text in client.submit(PROMPT, **asked, api_name="/complete"):
    print(len(text), "characters so far")
print(text)
