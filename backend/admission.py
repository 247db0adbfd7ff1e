"""What a request must hold before it may wait in line: checked once, with its model at hand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.errors import LabError
from backend.queueing import Limits
from backend.settings import Settings
from backend.types import Message, Request

if TYPE_CHECKING:
    from backend.models import LoadedModel

MAX_PROMPT_BYTES = 1_000_000  # before the tokenizer sees it; the context is far smaller
ROLES = ("system", "user", "assistant")


def check_prompt(prompt: object, *, tools: bool = False) -> None:
    """Refuse what is neither a text nor a list of messages, is empty, or is absurdly long.

    With `tools` a message may be of role "tool".
    """
    roles = (*ROLES, "tool") if tools else ROLES
    if isinstance(prompt, str):
        texts = [prompt]
    elif isinstance(prompt, Sequence) and prompt and all(is_message(m, roles) for m in prompt):
        texts = [message["content"] for message in prompt]
    else:
        raise LabError(
            "prompt_type",
            "prompt must be a text or a list of messages with a role and a content",
            f'A message is {{"role": one of {", ".join(roles)}, "content": text}}',
            field="prompt",
            value=repr(prompt)[:80],
            allowed="text, or messages",
        )
    size = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    if size > MAX_PROMPT_BYTES:
        raise LabError(
            "prompt_too_large",
            f"the prompt has {size} bytes, at most {MAX_PROMPT_BYTES} are read",
            "Send a shorter prompt",
            field="prompt",
            value=size,
            allowed=f"1 to {MAX_PROMPT_BYTES}",
        )
    if not texts[-1].strip():
        raise empty_prompt()


def empty_prompt() -> LabError:
    """Return the refusal of a prompt with nothing to go on from."""
    return LabError(
        "empty_prompt",
        "the prompt is empty",
        "Write at least one word",
        field="prompt",
        value="",
        allowed=f"1 to {MAX_PROMPT_BYTES}",
    )


def is_message(message: object, roles: Sequence[str] = ROLES) -> bool:
    """True for a mapping with a known role and a text."""
    if not isinstance(message, dict):
        return False
    return message.get("role") in roles and isinstance(message.get("content"), str)


def check_limits(request: Request, settings: Settings, limits: Limits) -> None:
    """Refuse, never clip, what is more than the lab allows, or than one person may have."""
    params = request.params
    most_rows = min(settings.max_streams, limits.rows) if request.person else settings.max_streams
    for code, name, value, most in (
        ("too_many_new_tokens", "max_new_tokens", params.max_new_tokens, settings.max_new_tokens),
        (
            "too_many_rows",
            "num_return_sequences",
            params.num_return_sequences,
            most_rows,
        ),
    ):
        if value > most:
            raise LabError(
                code,
                f"{name} must be in [1, {most}] here, got {value}",
                field=name,
                value=value,
                allowed=f"1 to {most}",
            )


def admissible_ids(request: Request, loaded: "LoadedModel") -> list[int]:
    """Return the ids a request starts from; they and its new tokens fit the context."""
    prompt = request.prompt
    if isinstance(prompt, str):
        ids = loaded.encode(clean(prompt))
    else:
        ids = list(loaded.render([as_message(message) for message in prompt], request.tools).ids)
    size = loaded.info.vocab_size
    bad = [
        i
        for i in request.prefix_ids
        if isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < size
    ]
    if bad:
        raise LabError(
            "prefix_ids",
            f"prefix_ids must be token ids in [0, {size - 1}], got {bad[0]!r:.40}",
            field="prefix_ids",
            value=repr(bad[0])[:40],
            allowed=f"0 to {size - 1}",
        )
    if (highest := max(ids, default=0)) >= size:  # added to the tokenizer, not to the model
        raise LabError(
            "no_embedding",
            f"the tokenizer reads this as token {highest}, and the model ends at {size - 1}",
            "Leave that token out, or resize the model's embeddings",
            field="prompt",
            value=highest,
            allowed=f"0 to {size - 1}",
        )
    ids += request.prefix_ids
    if not ids:  # a template may write nothing: of a system message alone, say
        raise empty_prompt()
    new, context = request.params.max_new_tokens, loaded.info.context
    if len(ids) + new > context:
        raise LabError(
            "context_exceeded",
            f"the prompt has {len(ids)} tokens; with max_new_tokens {new} that passes"
            f" the context of {context}",
            "Shorten the prompt or ask for fewer new tokens",
            field="prompt",
            value=len(ids),
            allowed=f"1 to {max(context - new, 0)}",
            prompt_tokens=len(ids),
            max_new_tokens=new,
            context=context,
        )
    return ids


def as_message(message: Message) -> Message:
    """Copy a message with its text made encodable."""
    return {"role": message["role"], "content": clean(message["content"])}


def clean(text: str) -> str:
    """Replace lone surrogates, which no tokenizer can encode, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
