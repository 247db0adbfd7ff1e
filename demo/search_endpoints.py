"""The public endpoints on search: /retrieve and /ask (DESIGN 4.4)."""

import contextlib
from collections.abc import AsyncIterator

import gradio as gr

from backend.lab import Lab
from backend.retrieval import checked
from backend.types import SamplingParams
from demo.endpoints import person_of, told
from demo.identity import Identity
from demo.rag import asking
from demo.words import Words


def add_search_endpoints(lab: Lab, identity: Identity, words: Words) -> None:
    """Define both inside the current Blocks."""

    async def retrieve(query: str, source: str = "auto") -> dict:
        """Hits and where they are from: web, cached or offline; `auto` asks the web first."""
        with told(words):
            found = await lab.retrieval.asearch(query, source)
            return found.as_json()

    async def ask(
        question: str,
        source: str = "auto",
        do_sample: bool = False,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        epsilon_cutoff: float = 0.0,
        max_new_tokens: int = 128,
        seed: int | None = None,
        request: gr.Request = None,  # type: ignore[assignment]  # Gradio fills it
    ) -> AsyncIterator[dict]:
        """The answer so far with [n] for hit n, the hits, and the message the model was given."""
        with told(words):
            params = SamplingParams(
                do_sample=do_sample,
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                epsilon_cutoff=epsilon_cutoff,
                max_new_tokens=max_new_tokens,
                seed=seed,
            )
            run = asking(
                lab, checked(question), source, params, person=person_of(identity, request)
            )
            async with contextlib.aclosing(run):
                async for asked in run:
                    yield {
                        "answer": asked.answer,
                        "hits": asked.found.as_json()["hits"],
                        "prompt": asked.packed.message,
                    }

    gr.api(retrieve, api_name="retrieve", concurrency_limit=None)
    gr.api(ask, api_name="ask", concurrency_limit=None)
