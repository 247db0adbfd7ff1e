"""An answer of another lab that breaks off in the middle is asked for again and goes on."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import api
from backend.errors import LabError
from backend.lab import Lab
from backend.settings import Settings
from backend.types import SamplingParams
from tests.conftest import serve

pytestmark = pytest.mark.slow
PROMPT = "Tell me a story about a dragon."
PARAMS = SamplingParams(
    do_sample=True, top_p=0.9, typical_p=0.95, seed=7, max_new_tokens=60, num_return_sequences=2
)


class Breaking:
    """Ends the connection of the first `times` answers after so many parts."""

    def __init__(self, app: ASGIApp, *, times: int, parts: int) -> None:
        self._app, self.left, self._parts = app, times, parts
        self.change: Callable[[bytes], bytes] = lambda body: body  # of what is asked afterwards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent, breaks = 0, scope.get("method") == "POST" and self.left > 0

        async def breaking(message: Message) -> None:
            nonlocal sent
            sent += message["type"] == "http.response.body"
            if breaks and sent > self._parts:
                self.left -= 1
                raise ConnectionResetError
            await send(message)

        async def changed() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not breaks:
                message["body"] = self.change(message["body"])
            return message

        await self._app(scope, changed, breaking)


@contextlib.contextmanager
def behind(lab: Lab, *, times: int, parts: int = 1) -> Iterator[tuple[Lab, Breaking]]:
    """A lab whose model is the other's, with a connection that breaks."""
    app = FastAPI()
    app.include_router(api.router(lab))
    server = Breaking(app, times=times, parts=parts)
    with serve(lab, server) as address:
        front = Lab(Settings(engine_url=f"{address}/v1"))
        try:
            yield front, server
        finally:
            front.close()


@pytest.mark.parametrize("prompt", [PROMPT, [{"role": "user", "content": PROMPT}]])
def test_the_steps_are_those_of_an_unbroken_answer(lab: Lab, prompt: str) -> None:
    want = lab.generate(prompt, PARAMS)
    with behind(lab, times=1) as (front, server):
        assert [g.steps for g in front.generate(prompt, PARAMS)] == [g.steps for g in want]
        assert server.left == 0
    with behind(lab, times=1, parts=0) as (front, _):
        assert [g.steps for g in front.generate(prompt, PARAMS)] == [g.steps for g in want]


def test_a_second_break_is_told_and_the_next_request_runs(lab: Lab) -> None:
    with behind(lab, times=2) as (front, _):
        with pytest.raises(LabError) as caught:
            front.generate(PROMPT, PARAMS)
        assert caught.value.code == "remote_broken"
        assert [g.text for g in front.generate(PROMPT, PARAMS)] == [
            g.text for g in lab.generate(PROMPT, PARAMS)
        ]


def test_another_text_for_the_seed_is_told(lab: Lab) -> None:
    hot = SamplingParams(do_sample=True, temperature=100, seed=7, max_new_tokens=60)
    with behind(lab, times=1) as (front, server):
        server.change = lambda body: body.replace(b'"seed":7', b'"seed":8')
        with pytest.raises(LabError) as caught:
            front.generate(PROMPT, hot)
        assert caught.value.code == "remote_format"
