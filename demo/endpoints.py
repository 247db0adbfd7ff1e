"""The public gr.api endpoints: checked, in the reader's language, closed when left."""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields

import gradio as gr
from fastapi import Request

from backend.errors import LabError
from backend.lab import Lab
from backend.types import Candidate, Message, SamplingParams, TokenRecord, TokenStep
from demo.identity import Identity
from demo.words import Words

log = logging.getLogger(__name__)


@contextlib.contextmanager
def told(words: Words) -> Iterator[None]:
    """Turn a LabError into a message in the reader's language; anything else into one of ours."""
    try:
        yield
    except LabError as error:
        raise gr.Error(words.error(error), print_exception=False) from None
    except (gr.Error, GeneratorExit, asyncio.CancelledError):
        raise
    except Exception:
        log.exception("a handler failed")
        raise gr.Error(words("errors.internal"), print_exception=False) from None


def person_of(identity: Identity, request: gr.Request | Request | None) -> str:
    """Return whose limits a request falls under, "" for the teacher's: there are none."""
    if request is None or request.client is None:
        return ""
    authorization = request.headers.get("authorization", "")
    if identity.is_teacher(request.cookies, request.headers.get("host", ""), authorization):
        return ""
    return identity.person(request.cookies, request.client.host, authorization)


def chat_messages(message: object, history: object, system: object) -> list[Message]:
    """Put a system text, earlier messages and a new one in a list, as the template wants it."""
    bad = LabError(
        "prompt_type",
        "message and system must be texts, history a list of messages",
        field="history",
        value=repr(history)[:80],
        allowed='[{"role": "user", "content": "..."}]',
    )
    if not isinstance(message, str) or not isinstance(system, str):
        raise bad
    if not isinstance(history, Sequence) or isinstance(history, str):
        raise bad
    messages: list[Message] = [{"role": "system", "content": system}] if system.strip() else []
    for turn in history:
        if not isinstance(turn, Mapping) or not isinstance(turn.get("role"), str):
            raise bad
        messages.append({"role": turn["role"], "content": flat_content(turn.get("content"), bad)})
    return [*messages, {"role": "user", "content": message}]


def flat_content(content: object, bad: LabError) -> str:
    """Return a message's text, given as a string or as Gradio's list of blocks."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        texts = [block.get("text") for block in content if isinstance(block, Mapping)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "".join(map(str, texts))
    raise bad


def as_json(record: TokenRecord | TokenStep) -> dict[str, object]:
    """Return a record as plain JSON values: bytes as a list of numbers, no NaN or infinity."""
    values = plain(record)
    if isinstance(record, TokenStep):
        values["data"] = list(record.data)
        values["alternatives"] = list(map(plain, record.alternatives))
    return values


def plain(record: TokenRecord | TokenStep | Candidate) -> dict[str, object]:
    """Return its fields; `dataclasses.asdict` copies each, at 28 times the price."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    for name in ("logprob", "prob"):  # a remote server may give none
        if not math.isfinite(values.get(name, 0.0)):
            values[name] = None
    return values


def add_endpoints(lab: Lab, identity: Identity, words: Words) -> None:
    """Define the endpoints inside the current Blocks."""

    def expose(fn: Callable[..., object]) -> None:
        gr.api(fn, api_name=fn.__name__, concurrency_limit=None)

    async def tokenize(text: str, model: str = "") -> list[dict]:
        """The tokens of a text, with the model's special tokens."""
        with told(words):
            records = await asyncio.to_thread(lab.tokenize, text, model)
            return [
                {"id": r.id, "token": r.token, "text": r.text, "bytes": r.bytes} for r in records
            ]

    async def complete(
        prompt: str,
        model: str = "",
        do_sample: bool = False,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        epsilon_cutoff: float = 0.0,
        max_new_tokens: int = 128,
        seed: int | None = None,
        request: gr.Request = None,  # type: ignore[assignment]  # Gradio fills it
    ) -> AsyncIterator[str]:
        """The generated text so far, without the prompt."""
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
            person, text = person_of(identity, request), ""
            updates = lab.aupdates(prompt, params, model=model, person=person, operation="complete")
            async with contextlib.aclosing(updates):
                async for update in updates:
                    text += "".join(step.text for step in update.steps)
                    yield text

    async def tokens(
        prompt: str,
        model: str = "",
        do_sample: bool = False,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        epsilon_cutoff: float = 0.0,
        max_new_tokens: int = 128,
        seed: int | None = None,
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> AsyncIterator[list[dict]]:
        """The record of every generated token, at the end; while it runs, an empty list."""
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
            person, records = person_of(identity, request), list[dict]()
            updates = lab.aupdates(
                prompt, params, model=model, person=person, operation="tokens", update_s=0.25
            )
            async with contextlib.aclosing(updates):
                async for update in updates:
                    records.extend(map(as_json, update.steps))
                    yield []  # so that Gradio sees when somebody leaves
            yield records

    async def chat(
        message: str,
        history: list[dict] = [],  # noqa: B006  # the wire's default; never changed
        system: str = "",
        do_sample: bool = False,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        epsilon_cutoff: float = 0.0,
        max_new_tokens: int = 128,
        seed: int | None = None,
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> AsyncIterator[str]:
        """The reply so far.

        A conversation that passes the context is refused, never cut: a reply has no place to say
        what was left out. The page leaves out the oldest exchanges, and says so.
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
            )
            messages = chat_messages(message, history, system)
            person, text = person_of(identity, request), ""
            updates = lab.aupdates(messages, params, person=person, operation="chat")
            async with contextlib.aclosing(updates):
                async for update in updates:
                    text += "".join(step.text for step in update.steps)
                    yield text.lstrip()

    async def estimate_memory(
        model: str, precision: str = "auto", context: int = 0, sequences: int = 1
    ) -> dict:
        """What a known or loaded model takes, in bytes per term; nothing is loaded."""
        with told(words):
            found = await asyncio.to_thread(
                lab.estimate, model, precision, context=context, sequences=sequences
            )
            sums = ("total_bytes", "allocated_bytes", "peak_bytes")
            return asdict(found) | {name: getattr(found, name) for name in sums}

    async def distribution(
        probabilities: dict,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        epsilon_cutoff: float = 0.0,
    ) -> list[dict]:
        """The distribution (word -> probability) as given, then after each step to the draw."""
        with told(words):
            params = SamplingParams(
                do_sample=True,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                epsilon_cutoff=epsilon_cutoff,
            )

            def measured() -> list[dict]:
                from backend.sampling import stages

                return [asdict(stage) for stage in stages(probabilities, params)]

            return await asyncio.to_thread(measured)

    async def load_model(
        model: str,
        precision: str = "auto",
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> dict:
        """Load a model (the teacher's): measured memory in bytes, and seconds."""
        with told(words):
            headers = request.headers if request else {}
            host, key = headers.get("host", ""), headers.get("authorization", "")
            if not identity.is_teacher(request.cookies if request else {}, host, key):
                raise LabError(
                    "teacher_only", "only the teacher loads models", "Enter the key at /teacher"
                )
            return asdict(await asyncio.to_thread(lab.load_model, model, precision))

    for fn in (tokenize, complete, tokens, chat, estimate_memory, distribution, load_model):
        expose(fn)
