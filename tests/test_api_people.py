"""Who may ask the OpenAI routes, within which limits, and what happens when they leave."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from openai import APIError, AuthenticationError, OpenAI, RateLimitError
from starlette.types import Message, Receive, Send

from backend import api, sse
from backend.lab import Lab
from backend.settings import Settings
from backend.types import StreamUpdate, Waiting
from demo.endpoints import person_of
from demo.gate import Gate, told
from demo.identity import Identity
from demo.words import words
from tests.conftest import serve
from tests.test_fairness import outcomes
from tests.test_scheduler import endless, until

PROMPT = "Tell me a story about a dragon."
LONG = {"model": "pocket-chat", "prompt": PROMPT, "temperature": 100, "max_tokens": 500, "seed": 1}
SHORT = {"model": "pocket-chat", "prompt": PROMPT, "max_tokens": 2}


@contextlib.contextmanager
def served(**settings: object) -> Iterator[tuple[Lab, str, Identity]]:
    """Serve the routes behind the gate, without the page, for a lab of these settings."""
    lab = Lab(Settings(threads=1, **settings))  # type: ignore[arg-type]
    identity, app = Identity(lab.settings), FastAPI()

    def tell(request: object, error: object) -> str:
        return told(lab, request, error)  # type: ignore[arg-type]

    def person(request: object) -> str:
        return person_of(identity, request)  # type: ignore[arg-type]

    app.include_router(api.router(lab, person=person, tell=tell))
    app.add_middleware(Gate, lab=lab, identity=identity)
    lab.engine.model()
    with serve(lab, app) as site:
        yield lab, site, identity
    lab.close()


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str, Identity]]:
    """A lab with a login and a teacher's key, so that limits hold also on loopback."""
    folder: Path = tmp_path_factory.mktemp("keys")
    (folder / "logins").write_text("class:secret\n先生:鍵\n", "utf-8")
    (folder / "key").write_text("open sesame\n", "utf-8")
    with served(auth_file=folder / "logins", teacher_key_file=folder / "key") as all_of_it:
        yield all_of_it


def ask(site: str, key: str) -> OpenAI:
    return OpenAI(base_url=f"{site}/v1", api_key=key, max_retries=0)


def test_keys(classroom: tuple[Lab, str, Identity]) -> None:
    _, site, identity = classroom
    for key in ("class:secret", "open sesame", identity.new_person()):
        assert ask(site, key).completions.create(**SHORT).choices[0].text is not None
    for key in ("class:wrong", "none", "none.none", "Å"):
        connection = http.client.HTTPConnection(urlsplit(site).netloc)
        header = f"Bearer {key}".encode("latin-1")
        connection.request("GET", "/v1/models", headers={"Authorization": header})  # type: ignore[dict-item]
        answer = connection.getresponse()
        assert answer.status == 401
        assert "www-authenticate" not in answer.headers  # no browser asks for a password here
        assert json.load(answer)["error"]["code"] == "invalid_api_key"
    with pytest.raises(AuthenticationError, match="Bearer"):
        ask(site, "none").models.list()
    japanese = ask(site, "none").with_options(default_headers={"Accept-Language": "ja"})
    with pytest.raises(AuthenticationError, match="キー"):
        japanese.completions.create(**SHORT)


def test_limits_are_a_keys_and_the_teacher_has_none(
    classroom: tuple[Lab, str, Identity],
) -> None:
    lab, site, identity = classroom
    key = identity.new_person()
    person = identity.person({"lab_person": key}, "?")
    with contextlib.ExitStack() as stack:
        for _ in range(2):  # the page's runs and the script's count together
            stack.callback(endless(lab, person=person).close)  # type: ignore[attr-defined]
        waiting = [stack.enter_context(stream(site, key)) for _ in range(2)]
        assert until(lambda: lab.status().queue_depth == 2)
        with pytest.raises(RateLimitError) as caught:
            ask(site, key).completions.create(**SHORT)
        assert int(caught.value.response.headers["retry-after"]) >= 1
        assert caught.value.code == "rate_limit_exceeded"
        assert "2 waiting" in caught.value.message
        for other in (identity.new_person(), "class:secret", "open sesame"):
            assert ask(site, other).completions.create(**SHORT).usage
        with pytest.raises(APIError, match="n: 17"):
            ask(site, "class:secret").completions.create(**SHORT, n=17)
        assert len(ask(site, "open sesame").completions.create(**SHORT, n=17).choices) == 17
        assert waiting
    assert until(lambda: lab.status().active_streams + lab.status().queue_depth == 0)


@contextlib.contextmanager
def stream(site: str, key: str, **fields: object) -> Iterator[socket.socket]:
    """Send a request over a bare socket, as whoever leaves without a word."""
    address = urlsplit(site)
    with socket.create_connection((address.hostname, address.port)) as line:  # type: ignore[arg-type]
        body = json.dumps({**LONG, "stream": True, **fields}).encode()
        line.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer %b\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
        )
        yield line


def test_without_logins_any_key_is_a_person() -> None:
    identity = Identity(Settings(host="0.0.0.0"))
    one, two = (identity.person({}, "10.0.0.1", f"Bearer {key}") for key in "ab")
    assert one != two
    assert "address" not in one
    assert identity.person({}, "10.0.0.1", "") == "address 10.0.0.1"
    assert identity.person({}, "10.0.0.1", "Basic YTpi") == "address 10.0.0.1"
    cookie = identity.new_person()
    page = identity.person({"lab_person": cookie}, "10.0.0.1")
    assert identity.person({}, "10.0.0.2", f"Bearer {cookie}") == page


@pytest.mark.parametrize("fields", [{"n": 4}, {"n": 4, "stream": False}], ids=str)
def test_a_client_killed_frees_its_rows_within_two_steps(
    classroom: tuple[Lab, str, Identity], fields: dict
) -> None:
    lab, site, _ = classroom
    heard: list[int] = []
    with stream(site, "open sesame", **fields) as line:
        if "stream" not in fields:
            assert line.recv(4000).startswith(b"HTTP/1.1 200")
        assert until(lambda: lab.status().active_rows == 4)
        [ticket] = lab.engine.scheduler._running
        close = ticket.channel.close

        def closed() -> None:
            close()
            heard.append(len(ticket.step_times_s))

        ticket.channel.close = closed  # type: ignore[method-assign]
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # as if killed
    assert until(lambda: lab.status().active_rows == 0)
    assert len(ticket.step_times_s) - heard[0] <= 2
    assert len(ticket.step_times_s) < LONG["max_tokens"]  # type: ignore[operator]


def test_a_client_that_leaves_in_line_leaves_the_line(
    classroom: tuple[Lab, str, Identity],
) -> None:
    lab, site, identity = classroom
    key = identity.new_person()
    person = identity.person({"lab_person": key}, "?")
    running = [endless(lab, person=person) for _ in range(2)]
    with stream(site, key) as line:
        assert b": waiting" in line.recv(4000) + line.recv(4000)  # a comment keeps it alive
        assert lab.status().queue_depth == 1
    assert until(lambda: lab.status().queue_depth == 0)
    for one in running:
        one.close()  # type: ignore[attr-defined]
    assert until(lambda: lab.status().active_streams == 0)


def test_all_is_counted(classroom: tuple[Lab, str, Identity]) -> None:
    lab, site, _ = classroom
    before = outcomes(lab)
    ask(site, "open sesame").completions.create(**SHORT)
    for wrong in ({"n": 0}, {"model": "none"}, {"max_tokens": 10**9}):
        with pytest.raises(APIError):
            ask(site, "open sesame").completions.create(**{**SHORT, **wrong})
    with stream(site, "open sesame") as line:
        line.recv(4000)
    assert until(lambda: lab.status().active_streams == 0)

    def since(outcome: str) -> float:
        return outcomes(lab)[outcome] - before.get(outcome, 0)

    assert until(lambda: since("disconnected") == 1)
    assert (since("ok"), since("rejected")) == (1, 3)
    text = lab.metrics_text()[0].decode()
    assert 'operation="openai_completions",outcome="ok"' in text
    assert 'operation="other"' not in text


def test_an_error_in_mid_stream_is_an_event() -> None:
    with served() as (lab, site, _):
        pieces = iter(ask(site, "none").completions.create(**LONG, stream=True))
        next(pieces)
        threading.Thread(target=lab.close).start()
        with pytest.raises(APIError, match=words("en")("errors.closing")):
            list(pieces)


class Endless:
    """Updates without end, which know whether they were closed."""

    closed = False

    async def data(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"data: x\n\n"
        finally:
            self.closed = True


async def forever() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("leaves", [True, False])
def test_a_stream_ends_with_a_client_that_leaves_or_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    monkeypatch.setattr(sse, "WRITE_LIMIT_S", 0.05 if not leaves else 60.0)
    endless, taken = Endless(), 0

    async def receive() -> Message:
        while taken < 3:
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal taken
        taken += 1
        await asyncio.sleep(0)
        if taken > 3 and not leaves:
            await forever()

    async def run(receive: Receive, send: Send) -> None:
        response = sse.EventStream(endless.data())
        await asyncio.wait_for(response({"type": "http"}, receive, send), 10)

    asyncio.run(run(receive if leaves else forever, send))
    assert endless.closed


@pytest.mark.parametrize("untold", ["loading", "reading"])
def test_silence_is_broken_and_what_may_still_fail_is_not_told(
    untold: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.05)
    go = asyncio.Event()

    async def updates() -> AsyncGenerator[StreamUpdate, None]:
        yield StreamUpdate(waiting=untold)
        await go.wait()
        yield StreamUpdate(waiting="queued")

    async def run() -> list[str]:
        found = []
        async with contextlib.aclosing(sse.steady(updates())) as steadied:
            async for update in steadied:
                found.append(update.waiting)
                if len(found) == 2:
                    go.set()
        return found

    assert asyncio.run(run()) == ["", "", "queued"]


def test_a_model_elsewhere_is_relayed_without_counting_its_prompt(
    classroom: tuple[Lab, str, Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, site, _ = classroom
    here = ask(site, "open sesame").completions.create(**{**LONG, "max_tokens": 9}, logprobs=2)
    monkeypatch.setattr(lab.engine, "capabilities", frozenset({"seed", "logprobs", "alternatives"}))
    there = ask(site, "open sesame").completions.create(**{**LONG, "max_tokens": 9}, logprobs=2)
    assert there.choices[0].text == here.choices[0].text
    assert there.choices[0].logprobs.token_logprobs == here.choices[0].logprobs.token_logprobs
    assert (there.usage, here.usage.completion_tokens) == (None, 9)
