"""From a learner's own script: the same model through OpenAI's client, Gradio's client, or curl."""

import json
import shlex

import gradio as gr

from backend.lab import Lab
from demo.events import QUIET
from demo.identity import Identity
from demo.sharing import prefix_of
from demo.teacher import host, scheme
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold
from demo.words import Words

PROMPT = "Tell me a story about a dragon."
CLIENTS = ("lab_openai", "lab_gradio_client")
NO_KEY = "none"  # the clients want some


def own_script(lab: Lab, identity: Identity, words: Words, tab: str) -> None:
    """Draw the fold; opened, it shows the address that the reader is at, and the reader's key."""
    with fold(words, "own_script.title", "core", f"{tab}-script") as card:
        gr.Markdown(words("own_script.text"))
        address = f"http://{lab.settings.host}:{lab.settings.port}"
        shown = gr.HTML(panes(address, NO_KEY, words), elem_id=f"{tab}-script-code")

    def here(request: gr.Request) -> str:
        site = f"{scheme(request)}://{host(request)}"  # type: ignore[arg-type]  # it passes both on
        site += prefix_of(request.headers)
        alone = not identity.needs_login and identity.is_teacher(
            request.cookies, request.headers.get("host", "")
        )
        return panes(site, (not alone and identity.own_key(request.cookies)) or NO_KEY, words)

    card.expand(here, None, shown, **QUIET)


def panes(site: str, key: str, words: Words) -> str:
    """Return the three ways as code."""
    drawn = [
        code_html(name, fill(name, {"URL": site, "KEY": key}), words, title=f"own_script.{name}")
        for name in CLIENTS
    ]
    return "".join(drawn) + code_html(
        "lab_curl", curl(site, key), words, title="own_script.lab_curl", python=False
    )


def curl(site: str, key: str) -> str:
    """Return one chat request as a line for a shell."""
    asked = {
        "model": "pocket-chat",
        "messages": [{"role": "user", "content": PROMPT}],
        "seed": 7,
        "max_tokens": 128,
    }
    return (
        f"curl {shlex.quote(f'{site}/v1/chat/completions')} \\\n"
        f"  -H {shlex.quote(f'Authorization: Bearer {key}')} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(asked))}\n"
    )
