"""One request to a remote server, from its body to its last step; each fault a LabError."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import httpx

from backend.admission import clean
from backend.errors import LabError
from backend.openai_request import RECORDS
from backend.remote_faults import broken, cannot, garbage, lost, own_words, refused, wrong_format
from backend.remote_stream import (
    LONGEST_LINE,
    OPTIONAL,
    Malformed,
    Reading,
    WrongShape,
    body,
    events,
)
from backend.types import Request, TokenStep

JSON = {"Content-Type": "application/json"}
FEW = 5  # alternatives that a server takes if it takes any (OpenAI's limit for completions)


@dataclass(kw_only=True)
class Server:
    """What is known of the server; only the thread that owns the connections writes."""

    host: str
    silent_s: float  # the longest pause within an answer
    served: dict[str, int] = field(default_factory=dict)  # positions by name; 0: it does not say
    extra: frozenset[str] = frozenset()  # fields outside the protocol that it takes
    without: frozenset[str] = frozenset()  # fields of OPTIONAL that it has refused
    gives_logprobs: bool = True  # as far as its last answer shows


async def answer(
    client: httpx.AsyncClient, server: Server, request: Request, model: str, reading: Reading
) -> AsyncGenerator[list[TokenStep], None]:
    """Yield the steps of what comes at a time. Raises LabError; closing it hangs up.

    Where a seed gives the same text again, which a lab promises, an answer that breaks off is asked
    for once more, and the steps that were yielded before are passed over.
    """
    for last in (False, True):
        attempt = once(client, server, request, model, reading)
        try:
            async with contextlib.aclosing(attempt):
                async for steps in attempt:
                    yield steps
            return
        except LabError as error:
            lab = RECORDS in server.extra - server.without
            if last or error.code != "remote_broken" or not lab:
                raise
        reading.again()


async def once(
    client: httpx.AsyncClient, server: Server, request: Request, model: str, reading: Reading
) -> AsyncGenerator[list[TokenStep], None]:
    """Yield the steps of one answer, whole or broken."""
    without = server.without
    try:
        while True:
            route, fields = body(request, model, extra=server.extra, without=without)
            data = clean(json.dumps(fields, ensure_ascii=False, separators=(",", ":"))).encode()
            async with client.stream("POST", route, content=data, headers=JSON) as response:
                if response.status_code != 200:
                    text = (await short(response, server.silent_s)).decode(errors="replace")
                    spare = frozenset(name for name in OPTIONAL if name in fields and name in text)
                    few = request.params.num_alternatives <= FEW
                    if not (response.status_code in (400, 422) and spare and few):
                        raise error_of(response, text, model, server)
                    without |= spare
                    continue
                server.without |= without  # not before: a refusal may repeat all it was sent
                kind = response.headers.get("content-type", "-")
                if "text/event-stream" not in kind:
                    raise garbage(server.host, kind[:80])
                async with (
                    aclosing(response.aiter_bytes()) as chunks,  # type: ignore[type-var]  # it is one
                    aclosing(events(chunks)) as coming,
                ):
                    async for some in coming:
                        errors = [
                            e["error"] for e in some if isinstance(e, dict) and e.get("error")
                        ]
                        good = [e for e in some if not (isinstance(e, dict) and e.get("error"))]
                        if steps := reading.steps(good):
                            yield steps
                        if errors:
                            raise failed(errors[0], server.host)
            break
    except httpx.HTTPError as error:
        raise lost(error, server.host, server.silent_s) from None
    except WrongShape as error:
        raise wrong_format(server.host, str(error)) from None
    except Malformed as error:
        raise garbage(server.host, str(error)) from None
    if reading.untouched and reading.untouched == reading.missing < len(reading.rows):
        raise cannot("num_return_sequences", server.host)
    if reading.missing:
        raise broken(server.host, "no finish_reason")
    server.gives_logprobs = reading.gave_logprobs or reading.wrote_nothing


async def short(response: httpx.Response, limit_s: float) -> bytes:
    """Return a body that should be short: what came of it in time, and not more than a line."""
    data = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s), aclosing(response.aiter_bytes()) as chunks:  # type: ignore[type-var]  # it is one
            async for chunk in chunks:
                data += chunk
                if len(data) > LONGEST_LINE:
                    break
    return data


def error_of(response: httpx.Response, text: str, model: str, server: Server) -> LabError:
    """Return what a response's status means."""
    after = response.headers.get("retry-after", "")
    return refused(
        response.status_code, text, after, model=model, served=list(server.served), host=server.host
    )


def failed(error: object, host: str) -> LabError:
    """Return what an error in the middle of a stream means."""
    said = own_words(error if isinstance(error, str) else json.dumps(error))
    return LabError(
        "remote_failed",
        f"the remote server {host} failed in the middle: {said}",
        host=host,
        value="-",
        reason=said,
        status=502,
    )
