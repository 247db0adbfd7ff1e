"""The lab's steps and errors, written as OpenAI's objects.

Pure: steps in, JSON out. The join of a stream's pieces is the whole answer's text.
Log-probabilities are the model's own, before temperature and filters; the end token has one too.
"""

import codecs
import json
import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backend.errors import LabError
from backend.openai_request import RECORDS, Body, Call, Kind
from backend.token_records import record_of
from backend.types import Candidate, Schema, TokenStep

Json = dict[str, Any]
UNKNOWN_MODEL = ("model_unknown", "model_not_loaded", "model_not_allowed", "model_path")
UNREADY = ("closing", "engine_stopped", "load_failed", "device_missing")
CODES = {  # OpenAI's own, where there is one
    "login_needed": "invalid_api_key",
    "context_exceeded": "context_length_exceeded",
    "person_busy": "rate_limit_exceeded",
    "person_rows": "rate_limit_exceeded",
    **dict.fromkeys(UNKNOWN_MODEL, "model_not_found"),
}
CALL_BEGINS = ("", "{", "<")  # a turn that begins so may be a call of a tool


class Answer:
    """What one call is answered, whole or in pieces."""

    def __init__(
        self,
        call: Call,
        *,
        model: str,
        data: Callable[[Candidate], bytes],
        prompt_tokens: int | None = None,
    ) -> None:
        """`data`: a candidate's bytes; `prompt_tokens` None: nobody here can count them."""
        self._call, self._data, self._prompt_tokens = call, data, prompt_tokens
        chat = call.kind == "chat"
        self._head: Json = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{secrets.token_hex(12)}",
            "object": "chat.completion" if chat else "text_completion",
            "created": int(time.time()),
            "model": model,
            "seed": call.params.seed,
        }
        n = call.params.num_return_sequences
        self._tokens = 0
        self._length = [0] * n  # characters of each row so far that were sent
        self._offset = [0] * n  # and that its tokens' bytes make
        self._decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in range(n)]
        self._held: list[list[TokenStep]] = [[] for _ in range(n)]  # of what may be a call

    def whole(self, rows: Sequence[Sequence[TokenStep]]) -> Json:
        """Return the answer as one object."""
        self._tokens = sum(map(len, rows))
        choices = [self._whole_choice(i, steps) for i, steps in enumerate(rows)]
        return {**self._head, "choices": choices, "usage": self._usage()}

    def begin(self) -> Iterator[Json]:
        """Yield what a stream begins with: of a chat the role, of an echo the prompt."""
        for i in range(self._call.params.num_return_sequences):
            if self._call.kind == "chat":
                yield self._chunk({"index": i, "delta": {"role": "assistant", "content": ""}})
            elif self._call.echo:
                yield self._chunk({"index": i, "text": self._call.prompt})

    def pieces(self, steps: Sequence[TokenStep]) -> Iterator[Json]:
        """Yield a chunk for each token that became printable, and for each row's end."""
        for step in steps:
            self._tokens += 1
            row, ended = self._held[step.row], step.finish_reason is not None
            row.append(step)
            text = "".join(s.text for s in row)
            if self._call.tools and not self._length[step.row] and text.lstrip()[:1] in CALL_BEGINS:
                if not ended:
                    continue
                if call := tool_call(text, self._call.tools):
                    delta = {"tool_calls": [{"index": 0, **call}]}
                    yield self._chunk({"index": step.row, "delta": delta}, row)
                    yield self._chunk({"index": step.row, "delta": {}}, reason="tool_calls")
                    continue
            if text or self._call.logprobs or self._call.records:
                part: Json = {"text": text}
                if self._is_chat:
                    said = text if self._length[step.row] else text.removeprefix(" ")
                    part = {"delta": {"content": said}}
                yield self._chunk({"index": step.row, **part}, row)
            self._length[step.row] += len(text)
            self._held[step.row] = []
            if ended:
                part = {"delta": {}} if self._is_chat else {"text": ""}
                yield self._chunk({"index": step.row, **part}, reason=step.finish_reason)

    def end(self) -> Iterator[Json]:
        """Yield the last chunk, which counts the tokens, where it was asked for."""
        if self._call.include_usage:
            yield {**self._chunk({}), "choices": [], "usage": self._usage()}

    @property
    def _is_chat(self) -> bool:
        return self._call.kind == "chat"

    def _usage(self) -> Json | None:
        if self._prompt_tokens is None:
            return None
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self._tokens,
            "total_tokens": self._prompt_tokens + self._tokens,
        }

    def _whole_choice(self, i: int, steps: Sequence[TokenStep]) -> Json:
        text, reason = "".join(step.text for step in steps), steps[-1].finish_reason
        logprobs = self._logprobs(steps)
        if not self._is_chat:
            echo = self._call.prompt if self._call.echo else ""
            part: Json = {"index": i, "text": f"{echo}{text}", **self._records(steps)}
            return choice(part, logprobs, reason)
        said = text.removeprefix(" ")  # the template wrote the blank; `decode` drops it too
        message: Json = {"role": "assistant", "content": said, "refusal": None}
        if call := tool_call(text, self._call.tools):
            message |= {"content": None, "tool_calls": [call]}
            reason = "tool_calls"  # type: ignore[assignment]  # OpenAI's, not the engine's
        part = {"index": i, "message": message, **self._records(steps)}
        return choice(part, logprobs, reason)

    def _chunk(
        self, part: Json, steps: Sequence[TokenStep] = (), reason: str | None = None
    ) -> Json:
        head = {**self._head, "object": "chat.completion.chunk"} if self._is_chat else self._head
        logprobs = self._logprobs(steps) if steps else None
        usage = {"usage": None} if self._call.include_usage else {}
        part = {**part, **self._records(steps)} if steps else part
        return {**head, "choices": [choice(part, logprobs, reason)], **usage}

    def _records(self, steps: Sequence[TokenStep]) -> Json:
        return {RECORDS: list(map(record_of, steps))} if self._call.records else {}

    # log-probabilities
    def _logprobs(self, steps: Sequence[TokenStep]) -> Json | None:
        """Return those of the next steps of a row."""
        if not self._call.logprobs:
            return None
        if self._is_chat:
            return {"content": [self._chat_logprob(step) for step in steps], "refusal": None}
        offsets = []
        for step in steps:
            offsets.append(self._offset[step.row])
            self._offset[step.row] += len(self._decoders[step.row].decode(step.data))
        top = [self._top(step) for step in steps] if self._call.params.num_alternatives else None
        return {
            "tokens": [shown(step.data) for step in steps],
            "token_logprobs": [given(step.logprob) for step in steps],
            "top_logprobs": top,
            "text_offset": offsets,
        }

    def _top(self, step: TokenStep) -> dict[str, float | None]:
        """Return the likeliest tokens and, as OpenAI does, the one that was chosen."""
        found = {shown(self._data(c)): given(c.logprob) for c in step.alternatives}
        return found | {shown(step.data): given(step.logprob)}

    def _chat_logprob(self, step: TokenStep) -> Json:
        top = [logprob(self._data(c), c.logprob) for c in step.alternatives]
        return {**logprob(step.data, step.logprob), "top_logprobs": top}


def choice(part: Json, logprobs: Json | None, reason: str | None) -> Json:
    """Return one of an answer's choices, or a piece of it."""
    return {**part, "logprobs": logprobs, "finish_reason": reason}


def logprob(data: bytes, value: float) -> Json:
    """Return a token with its log-probability; `bytes` is exact where `token` cannot be."""
    return {"token": shown(data), "logprob": given(value), "bytes": list(data)}


def given(value: float) -> float | None:
    """Return a log-probability; JSON has neither NaN, for what a remote server did not say, nor
    an infinity, for which OpenAI writes -9999."""
    return None if math.isnan(value) else max(value, -9999.0)


def shown(data: bytes) -> str:
    """Return a token's text; of bytes that are no whole character, their numbers."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def tool_call(text: str, tools: Sequence[Schema]) -> Json | None:
    """Return the call that a whole turn is: one JSON object that names a tool that was offered."""
    text = text.strip().removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    names = [tool["function"]["name"] for tool in tools]  # type: ignore[index]  # read_call made it
    try:
        call = json.loads(text)
        name, arguments = call.get("name"), call.get("arguments", {})
    except (ValueError, RecursionError, AttributeError):
        return None
    if name not in names or not isinstance(arguments, dict):
        return None
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": function}


def as_asked(error: LabError, body: Body, kind: Kind) -> LabError:
    """Return an error with the name of the field as the client wrote it."""
    chat, total = kind == "chat", "max_completion_tokens"
    names = {
        "num_return_sequences": "n",
        "num_alternatives": RECORDS if RECORDS in body else "top_logprobs" if chat else "logprobs",
        "max_new_tokens": total if total in body else "max_tokens",
        "prompt": "messages" if chat else "prompt",
        "constraint": "response_format",
    }
    field = error.values.get("field")
    if not isinstance(field, str) or names.get(field, field) == field:
        return error
    values = {**error.values, "field": names[field]}
    return LabError(error.code, error.message.replace(field, names[field]), error.hint, **values)


def status_of(error: LabError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(status := error.values.get("status"), int):
        return status
    if error.code in UNKNOWN_MODEL:
        return 404
    if error.code in ("internal", "not_a_number"):
        return 500
    return 503 if error.code in UNREADY else 400


def error_object(error: LabError, message: str) -> Json:
    """Return an error as OpenAI writes it; `message` in the reader's language."""
    status, field = status_of(error), error.values.get("field")
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    kind = "server_error" if status >= 500 else kinds.get(status, "invalid_request_error")
    param = field if isinstance(field, str) else None
    code = CODES.get(error.code, error.code)
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
