"""OpenAI-compatible routes over a lab: /v1/models, /v1/completions, /v1/chat/completions.

The same line, limits and numbers as the page's. Whoever leaves frees the rows within two steps,
also while waiting; errors have OpenAI's form. docs/openai.md says what is supported.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from backend.catalog import POCKET
from backend.errors import LabError
from backend.lab import Lab
from backend.openai_format import Answer, Json, as_asked, error_object, status_of
from backend.openai_request import Body, Call, Kind, read_call
from backend.sse import DONE, KEEP_ALIVE_S, WAITING, EventStream, sse, steady, while_here
from backend.types import StreamUpdate, TokenStep

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 8 * 2**20  # the largest prompt, each of its characters escaped
LEFT = 499  # as nginx calls it; nobody reads it
INTERNAL = LabError("internal", "something went wrong in the lab itself", "Please try again")


def router(
    lab: Lab,
    *,
    person: Callable[[Request], str] = lambda request: "",
    tell: Callable[[Request, LabError], str] = lambda request, error: str(error),
) -> APIRouter:
    """Return the routes.

    `person`: whose limits a request falls under, "" for nobody's. `tell`: an error in the words of
    who asks.
    """
    routes, began = APIRouter(prefix="/v1"), int(time.time())

    @routes.get("/models")
    async def models() -> Response:
        """The models that a request may name, the current one first."""
        return as_response({"object": "list", "data": list(model_objects(lab, began))})

    @routes.get("/models/{name:path}")
    async def model(name: str, request: Request) -> Response:
        """One of them."""
        known = {str(found["id"]): found for found in model_objects(lab, began)}
        if name in known:
            return as_response(known[name])
        error = LabError(
            "model_unknown",
            f"there is no model named {name[:80]!r}",
            f"Choose one of {', '.join(known)}",
            field="model",
            value=name[:80],
            allowed=", ".join(known),
        )
        return refusal(error, tell(request, error))

    @routes.post("/completions")
    async def completions(request: Request) -> Response:
        """OpenAI's completions: a text that goes on from a prompt as it is."""
        return await answered(request, "completions")

    @routes.post("/chat/completions")
    async def chat(request: Request) -> Response:
        """OpenAI's chat completions: a reply to messages, through the model's chat template."""
        return await answered(request, "chat")

    @routes.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing(rest: str, request: Request) -> Response:
        """404 in OpenAI's form: it has other routes than these."""
        asked = f"{request.method} /v1/{rest[:80]}"
        error = LabError("route_unknown", f"there is no {asked}", value=asked, status=404)
        return refusal(error, tell(request, error))

    async def answered(request: Request, kind: Kind) -> Response:
        body: Body = {}

        def told(error: LabError) -> tuple[LabError, str]:
            named = as_asked(error, body, kind)
            return named, tell(request, named)

        try:
            try:
                body = await read_body(request)
                longest = lab.settings.max_new_tokens
                call = await asyncio.to_thread(read_call, body, kind, longest=longest)
            except LabError as error:
                lab.metrics.unjoined(f"openai_{kind}", "", error)
                raise
            reply = Reply(lab, call, person(request))
            updates = reply.updates()
            if call.stream:
                first = await while_here(request.receive, anext(updates))
                if first is not None:
                    return EventStream(reply.events(first, updates, told))
            elif whole := await while_here(request.receive, reply.whole(updates)):
                return as_response(whole)
            return Response(status_code=LEFT)
        except LabError as error:
            return refusal(*told(error))
        except ClientDisconnect:  # in the middle of its body
            return Response(status_code=LEFT)
        except Exception:
            log.exception("a request failed")
            return refusal(*told(INTERNAL))

    return routes


class Reply:
    """One call on its way through the lab."""

    def __init__(self, lab: Lab, call: Call, person: str) -> None:
        self._lab, self._call, self._person = lab, call, person
        self._operation = f"openai_{call.kind}"
        self._answer: Answer | None = None  # once its model is there

    async def updates(self) -> AsyncGenerator[StreamUpdate, None]:
        """Yield what comes, at least every KEEP_ALIVE_S; closing it frees the rows. LabError."""
        preparing = asyncio.ensure_future(asyncio.to_thread(self._prepare))
        try:
            while not (await asyncio.wait({preparing}, timeout=KEEP_ALIVE_S))[0]:
                yield StreamUpdate(waiting="loading")
            self._answer, call = preparing.result()
        except BaseException as error:
            self._lab.metrics.unjoined(self._operation, self._call.model, error)
            raise
        updates = self._lab.aupdates(
            call.prompt,
            call.params,
            model=call.model,
            tools=call.tools,
            constraint=call.constraint,
            person=self._person,
            operation=self._operation,
        )
        async with contextlib.aclosing(updates), contextlib.aclosing(steady(updates)) as steadied:
            async for update in steadied:
                yield update

    async def whole(self, updates: AsyncGenerator[StreamUpdate, None]) -> Json:
        """Return the answer as one object."""
        rows: list[list[TokenStep]] = [[] for _ in range(self._call.params.num_return_sequences)]
        async with contextlib.aclosing(updates):
            async for update in updates:
                for step in update.steps:
                    rows[step.row].append(step)
        assert self._answer, "it was made before the first step"
        return self._answer.whole(rows)

    async def events(
        self,
        first: StreamUpdate,
        updates: AsyncGenerator[StreamUpdate, None],
        told: Callable[[LabError], tuple[LabError, str]],
    ) -> AsyncGenerator[bytes, None]:
        """Yield the answer as server-sent events; an error is one too, the head having gone."""
        begun = False
        try:
            async with contextlib.aclosing(updates):
                update: StreamUpdate | None = first
                while update is not None:
                    data = b""
                    if self._answer and not begun:
                        begun, data = True, sse(self._answer.begin())
                    if self._answer:
                        data += sse(self._answer.pieces(update.steps))
                    yield data or WAITING
                    update = await anext(updates, None)
            assert self._answer, "it was made before the first step"
            yield sse(self._answer.end()) + DONE
        except LabError as error:
            yield sse([error_object(*told(error))])
        except Exception:
            log.exception("a stream failed")
            yield sse([error_object(*told(INTERNAL))])

    def _prepare(self) -> tuple[Answer, Call]:
        """Wait for the model; count the prompt, and what fits where no length was asked for."""
        lab, call = self._lab, self._call
        if "jobs" not in lab.engine.capabilities:  # the model is elsewhere, its tokenizer too
            stats = lab.status()
            stands_in = call.model in POCKET and all(m.model != call.model for m in stats.models)
            model = stats.current if stands_in else call.model or stats.current
            return Answer(call, model=model, data=lambda found: found.text.encode()), call
        if isinstance(call.prompt, str):
            prompt_tokens = len(lab.tokenize(call.prompt, call.model))
        else:
            prompt_tokens = len(lab.render(call.prompt, call.model, tools=call.tools).ids)
        loaded = lab.engine.model(call.model)
        if call.fills:
            room = loaded.info.context - prompt_tokens
            most = max(1, min(call.params.max_new_tokens, room))
            params = dataclasses.replace(call.params, max_new_tokens=most)
            call = dataclasses.replace(call, params=params)
        answer = Answer(
            call,
            model=loaded.info.model,
            data=lambda found: loaded.vocabulary.data(found.token_id),
            prompt_tokens=prompt_tokens,
        )
        return answer, call


async def read_body(request: Request) -> Body:
    """Return the JSON object that was sent. Raises LabError, before the whole of a large one."""
    body = bytearray()
    async for part in request.stream():
        body.extend(part)
        if len(body) > MAX_BODY_BYTES:
            raise LabError(
                "body_too_large",
                f"the body has more than {MAX_BODY_BYTES} bytes",
                "Send a shorter prompt",
                allowed=MAX_BODY_BYTES,
                status=413,
            )
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LabError("openai_json", f"the body is not JSON: {error}", reason=error) from None
    if not isinstance(parsed, Mapping):
        raise LabError("openai_json", "the body is not a JSON object", reason="no object")
    return parsed


def refusal(error: LabError, message: str) -> Response:
    """Return an error as a response; 429 and 503 say when to come again."""
    retry_s = error.values.get("retry_after_s")
    headers = {} if retry_s is None else {"Retry-After": str(retry_s)}
    return as_response(error_object(error, message), status_of(error), headers)


def as_response(body: Json, status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    """Return JSON in ASCII: what people send may hold lone surrogates, which UTF-8 cannot write."""
    return Response(json.dumps(body), status, headers, media_type="application/json")


def model_objects(lab: Lab, began: int) -> Iterator[Json]:
    """Yield the models that are resident or at hand, the current one first."""
    stats, here = lab.status(), () if lab.settings.engine_url else POCKET
    contexts = {m.model: m.context for m in stats.models}
    for name in dict.fromkeys((stats.current, *contexts, *here)):
        context = {"max_model_len": contexts[name]} if name in contexts else {}
        yield {"id": name, "object": "model", "created": began, "owned_by": "lab", **context}
