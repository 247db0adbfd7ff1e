"""OpenAI's requests, read into what the lab takes.

Pure: nothing is asked of a model. What cannot be honoured is a LabError that names the parameter;
nothing that would change the result is dropped. docs/openai.md is the table of it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from backend.constraint import json_schema
from backend.errors import LabError
from backend.types import Constraint, Message, SamplingParams, Schema

Kind = Literal["chat", "completions"]
Body = Mapping[str, Any]  # JSON that somebody sent

SAMPLING = ("top_p", "seed", "stop", "top_k", "min_p", "typical_p", "epsilon_cutoff")
UNUSED = ("user", "safety_identifier", "metadata", "prompt_cache_key")  # change no text anywhere
READ = ("model", "stream", "stream_options", "n", "temperature", "max_tokens", "logprobs")
RECORDS = "token_records"  # our own: each token's whole record, with so many alternatives
# parameters whose other values would change the text: what each may be, null apart
NEUTRAL: dict[str, tuple[object, ...]] = {
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "service_tier": ("auto", "default"),
}
NEUTRAL_OF: dict[Kind, dict[str, tuple[object, ...]]] = {
    "completions": {**NEUTRAL, "best_of": (1,), "suffix": ("",)},
    "chat": {
        **NEUTRAL,
        "modalities": (["text"],),
        "parallel_tool_calls": (True, False),  # a turn holds one call at most
        "store": (False,),
        "tool_choice": ("auto",),
    },
}
READ_OF: dict[Kind, tuple[str, ...]] = {
    "completions": (*READ, "prompt", "echo"),
    "chat": (
        *READ,
        "messages",
        "max_completion_tokens",
        "top_logprobs",
        "tools",
        "response_format",
    ),
}
SHORT = 16  # new tokens of a completion that asks for no number, as OpenAI has it


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request of either route, as the lab takes it."""

    kind: Kind
    model: str
    prompt: str | tuple[Message, ...]
    params: SamplingParams
    stream: bool
    include_usage: bool  # in a stream: as its last chunk
    logprobs: bool
    records: bool
    fills: bool  # no length was asked for: what fits is
    echo: bool = False
    tools: tuple[Schema, ...] = ()
    constraint: Constraint | None = None


def read_call(body: Body, kind: Kind, *, longest: int) -> Call:
    """Return a request's body as a Call. Raises LabError; `as_asked` gives it OpenAI's names.

    `longest`: new tokens of a chat that asks for no number.
    """
    try:
        return read(body, kind, longest)
    except RecursionError:
        reason = "it is nested too deeply"
        raise LabError("openai_json", f"the body cannot be read: {reason}", reason=reason) from None


def read(body: Body, kind: Kind, longest: int) -> Call:
    """Return what both routes take, then what is only one's."""
    check_names(body, kind)
    stream, options = flag(body, "stream"), given(body, "stream_options", {})
    if not isinstance(options, dict) or (options and not stream):
        raise wrong("stream_options", options, 'with "stream": true')
    if not isinstance(model := given(body, "model", ""), str):
        raise wrong("model", model, "a name")
    names = ("max_completion_tokens", "max_tokens")
    lengths = [body[name] for name in names if given(body, name) is not None]
    if len(lengths) == 2 and lengths[0] != lengths[1]:
        raise wrong("max_tokens", lengths[1], "left out, with max_completion_tokens")
    length = lengths[0] if lengths else None
    if kind == "chat":
        logprobs, top = flag(body, "logprobs"), given(body, "top_logprobs", 0)
        if top and not logprobs:
            raise wrong("top_logprobs", top, 'with "logprobs": true')
    else:
        top = given(body, "logprobs", 0)
        logprobs = given(body, "logprobs") is not None
    if records := given(body, RECORDS) is not None:
        if logprobs:
            raise wrong(RECORDS, body[RECORDS], "without logprobs")
        top = body[RECORDS]
    temperature = given(body, "temperature", 1)
    greedy = temperature == 0 and not isinstance(temperature, bool)
    params = {name: body[name] for name in SAMPLING if given(body, name) is not None}
    call = Call(
        kind=kind,
        model=model,
        prompt="",
        params=SamplingParams(
            do_sample=not greedy,
            temperature=1.0 if greedy else temperature,
            max_new_tokens=length if length is not None else longest if kind == "chat" else SHORT,
            num_return_sequences=given(body, "n", 1),
            num_alternatives=top,
            **params,
        ),
        stream=stream,
        include_usage=flag(options, "include_usage"),
        logprobs=logprobs,
        records=records,
        fills=kind == "chat" and length is None,
    )
    return chat(call, body) if kind == "chat" else completion(call, body)


def completion(call: Call, body: Body) -> Call:
    """Add what only /v1/completions takes."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        [prompt] = prompt
    if not isinstance(prompt, str):
        raise wrong("prompt", prompt, "one text")
    echo = flag(body, "echo")
    if echo and (call.logprobs or call.records):
        raise wrong("echo", True, f"without logprobs and {RECORDS}")
    return dataclasses.replace(call, prompt=prompt, echo=echo)


def chat(call: Call, body: Body) -> Call:
    """Add what only /v1/chat/completions takes."""
    messages, tools = body.get("messages"), given(body, "tools", [])
    if not isinstance(messages, list) or not messages:
        raise wrong("messages", messages, "a list of messages")
    if not isinstance(tools, list):
        raise wrong("tools", tools, "a list of functions")
    form = given(body, "response_format", {"type": "text"})
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in ("text", "json_schema"):
        raise wrong("response_format", kind or form, '{"type": "text"}, {"type": "json_schema"}')
    constraint = None
    if kind == "json_schema":
        wanted = form.get("json_schema")
        if not isinstance(wanted, dict) or not isinstance(wanted.get("schema"), dict):
            raise wrong("response_format", wanted, '{"json_schema": {"schema": {...}}}')
        if tools:
            raise wrong("response_format", kind, "text, with tools")
        constraint = json_schema(wanted["schema"])
    return dataclasses.replace(
        call,
        prompt=tuple(message(m, i) for i, m in enumerate(messages)),
        tools=tuple(tool(t, i) for i, t in enumerate(tools)),
        constraint=constraint,
    )


def message(value: object, i: int) -> Message:
    """Return a message with its text as one string; a call of a tool as the model writes it."""
    where = f"messages[{i}]"
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        raise wrong(where, value, '{"role": "...", "content": "..."}')
    role, content = value["role"], value.get("content")
    calls = value.get("tool_calls") or []
    known = {"role", "content", {"tool": "tool_call_id", "assistant": "tool_calls"}.get(role)}
    if unknown := [name for name, held in value.items() if name not in known and held]:
        raise unsupported(f"{where}.{unknown[0]}", value[unknown[0]])
    if calls:
        if content or not isinstance(calls, list) or len(calls) != 1:
            raise wrong(f"{where}.tool_calls", calls, "one call, without a content")
        content = call_text(calls[0], f"{where}.tool_calls")
    elif isinstance(content, list):
        blocks = [b.get("text") if isinstance(b, dict) else None for b in content]
        if not all(isinstance(text, str) for text in blocks):
            raise wrong(f"{where}.content", content, "text")
        content = "".join(map(str, blocks))
    if not isinstance(content, str):
        raise wrong(f"{where}.content", content, "text")
    return {"role": "system" if role == "developer" else role, "content": content}


def call_text(call: object, where: str) -> str:
    """Write a call that a client sends back as the model wrote it."""
    try:
        function = call["function"]  # type: ignore[index]  # any JSON: what it lacks is told
        arguments = json.loads(function["arguments"])
        return json.dumps({"name": function["name"], "arguments": arguments}, ensure_ascii=False)
    except (LookupError, TypeError, ValueError):
        allowed = '{"function": {"name": "...", "arguments": "{...}"}}'
        raise wrong(where, call, allowed) from None


def tool(value: object, i: int) -> Schema:
    """Return a function's schema as the chat template reads it."""
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise wrong(f"tools[{i}]", value, '{"type": "function", "function": {"name": "..."}}')
    if function.get("strict"):
        raise unsupported(f"tools[{i}].function.strict", True)
    parameters = function.get("parameters") or {}
    if not isinstance(parameters, dict) or not isinstance(parameters.get("properties", {}), dict):
        raise wrong(f"tools[{i}].function.parameters", parameters, "a JSON schema")
    described = {
        "name": function["name"],
        "description": str(function.get("description") or ""),
        "parameters": {"type": "object", "properties": {}, **parameters},
    }
    text = json.dumps(described, ensure_ascii=False).encode("utf-16", "surrogatepass")
    # no tokenizer can encode a lone surrogate
    return {"type": "function", "function": json.loads(text.decode("utf-16", "replace"))}


def check_names(body: Body, kind: Kind) -> None:
    """Refuse a parameter that nobody here reads, and values that would change the text."""
    known = {*READ_OF[kind], *SAMPLING, *UNUSED, RECORDS}
    for name, value in body.items():
        if value is None or name in known:
            continue
        neutral = NEUTRAL_OF[kind].get(name)
        if neutral is None:
            raise unsupported(name, value)
        if value not in neutral:
            raise wrong(name, value, ", ".join(json.dumps(v) for v in neutral))


def given(body: Body, name: str, default: Any = None) -> Any:
    """Return a parameter, the default where it is missing or null."""
    value = body.get(name)
    return default if value is None else value


def flag(body: Body, name: str) -> bool:
    """Return a parameter that is true or false; missing is false."""
    value = given(body, name, False)
    if not isinstance(value, bool):
        raise wrong(name, value, "true or false")
    return value


def wrong(field: str, value: object, allowed: str) -> LabError:
    """A value that is not allowed."""
    shown = value if isinstance(value, int) else repr(value)[:80]
    message = f"{field} must be {allowed}, got {shown}"
    return LabError("out_of_range", message, field=field, value=shown, allowed=allowed)


def unsupported(field: str, value: object) -> LabError:
    """A parameter that this lab does not know or cannot honour."""
    return LabError(
        "openai_parameter",
        f"{field} is not supported by this lab",
        "Leave it out",
        field=field,
        value=repr(value)[:80],
    )
