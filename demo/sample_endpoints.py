"""The public endpoints on several texts: /sample and /self_bleu (DESIGN 4.4)."""

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator
from dataclasses import asdict

import gradio as gr

from backend.diversity import Companions, chosen_tokenizer, companions, refusal, self_bleu
from backend.lab import Lab
from backend.types import SamplingParams, TokenStep
from backend.updates import generation
from demo.endpoints import person_of, told
from demo.identity import Identity
from demo.widgets.self_bleu_view import Measured, measure
from demo.words import Words

MOST_TEXTS, MOST_CHARACTERS = 100, 40_000  # what one call may cost: n-grams grow with both


def add_sample_endpoints(lab: Lab, identity: Identity, words: Words) -> None:
    """Define both inside the current Blocks."""

    async def sample(
        prompt: str,
        model: str = "",
        do_sample: bool = True,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        epsilon_cutoff: float = 0.0,
        max_new_tokens: int = 128,
        seed: int | None = None,
        num_return_sequences: int = 3,
        request: gr.Request = None,  # type: ignore[assignment]  # Gradio fills it
    ) -> AsyncIterator[dict]:
        """Several texts without the prompt, their mean Self-BLEU in four readings, companions.

        All at the end; while it runs, an empty object.
        """
        with told(words):
            params = SamplingParams(
                do_sample=do_sample,
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                epsilon_cutoff=epsilon_cutoff,
                max_new_tokens=max_new_tokens,
                seed=seed,
                num_return_sequences=num_return_sequences,
                num_alternatives=0,
            )
            if params.num_return_sequences < 2:
                raise refusal("num_return_sequences", params.num_return_sequences, "2 or more")
            person = person_of(identity, request)
            rows: list[list[TokenStep]] = [[] for _ in range(params.num_return_sequences)]
            updates = lab.aupdates(
                prompt, params, model=model, person=person, operation="sample", update_s=0.25
            )
            async with contextlib.aclosing(updates):
                async for update in updates:
                    for step in update.steps:
                        rows[step.row].append(step)
                    yield {}  # so that Gradio sees when somebody leaves
            texts = [generation(steps, 0).text for steps in rows]
            measured = await asyncio.to_thread(measure, prompt, texts, rows)
            yield as_sample(texts, measured, params)

    async def self_bleu_of(
        texts: list[str], references: str = "all", tokenize: str = "auto"
    ) -> dict:
        """Each text's Self-BLEU against all others, or the first other; mean, tokenizer, N."""
        with told(words):
            check_size(texts)
            scores = await asyncio.to_thread(
                self_bleu,
                texts,
                references=references,  # type: ignore[arg-type]  # checked there
                tokenize=tokenize,  # type: ignore[arg-type]
            )
            used = chosen_tokenizer(texts, tokenize)  # type: ignore[arg-type]
            facts = await asyncio.to_thread(companions, texts, tokenize=used)  # type: ignore[arg-type]
            return {
                "scores": scores,
                "mean": statistics.fmean(scores),
                "tokenize": used,
                "n": len(texts),
                **asdict(facts),
            }

    gr.api(sample, api_name="sample", concurrency_limit=None)
    gr.api(self_bleu_of, api_name="self_bleu", concurrency_limit=None)


def as_sample(texts: list[str], measured: Measured, params: SamplingParams) -> dict:
    """Return what /sample gives; the plain readings are without the prompt."""
    means = {reading: statistics.fmean(scores) for reading, scores in measured.scores.items()}
    facts: Companions = measured.companions
    return {
        "texts": texts,
        "self_bleu_all": means[True, "all"],
        "self_bleu_first": means[True, "first"],
        "self_bleu_all_with_prompt": means[False, "all"],
        "self_bleu_first_with_prompt": means[False, "first"],
        "n": len(texts),
        "tokenize": measured.tokenizer,
        "mean_logprob": measured.logprob,
        "mean_tokens": measured.tokens,
        "seed": params.seed,
        **asdict(facts),
    }


def check_size(texts: object) -> None:
    """Refuse more texts than one call may cost; what they are is checked with them."""
    if not isinstance(texts, list):
        return
    size = sum(len(text) for text in texts if isinstance(text, str))
    if len(texts) > MOST_TEXTS or size > MOST_CHARACTERS:
        allowed = f"at most {MOST_TEXTS} texts of {MOST_CHARACTERS} characters in all"
        raise refusal("texts", f"{len(texts)} / {size}", allowed)
