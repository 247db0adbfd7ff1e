"""Whoever leaves frees the place, running or queued; whoever only stays slows nobody."""

import asyncio
import http.client
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from backend.channel import Channel
from backend.lab import Lab
from backend.settings import Settings
from tests.browser import LAPTOP, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import serve
from tests.test_scheduler import endless, until

pytestmark = pytest.mark.slow  # some seconds each: they wait for what must not happen
LONG = ["Tell me a story about a dragon.", "", True, 100.0, 1.0, 0, 0.0, 512, 1]
BRIEF = ["Tell me a story about a dragon.", "", False, 1.0, 1.0, 0, 0.0, 1, 1]


@pytest.fixture(scope="module")
def full_lab() -> Iterator[tuple[Lab, str]]:
    """A served lab whose only row is taken, by a reader that does not read."""
    lab = Lab(Settings(threads=1, max_streams=1))
    lab.engine.model()
    running = endless(lab)
    with serve(lab) as site:
        yield lab, site
    running.close()  # type: ignore[attr-defined]
    lab.close()


def opened(site: str, endpoint: str, data: list[object]) -> http.client.HTTPConnection:
    """Begin to read an endpoint's stream."""
    host, headers = urlsplit(site).netloc, {"Content-Type": "application/json"}
    call = http.client.HTTPConnection(host)
    call.request("POST", f"/gradio_api/call/{endpoint}", json.dumps({"data": data}), headers)
    event = json.load(call.getresponse())["event_id"]
    call.close()
    stream = http.client.HTTPConnection(host)
    stream.request("GET", f"/gradio_api/call/{endpoint}/{event}")
    return stream


@pytest.mark.parametrize("endpoint", ["complete", "tokens", "sample"])
def test_leaving_a_running_stream_frees_its_row(
    site: str, lab: Lab, slowly: Channel[object], endpoint: str
) -> None:
    stream = opened(site, endpoint, [*LONG, 2] if endpoint == "sample" else LONG)
    assert until(lambda: lab.status().active_streams == 1)
    stream.close()
    assert until(lambda: lab.status().active_streams == 0)


@pytest.mark.parametrize("endpoint", ["complete", "tokens"])
def test_leaving_the_queue_frees_the_place(full_lab: tuple[Lab, str], endpoint: str) -> None:
    lab, site = full_lab
    stream = opened(site, endpoint, LONG)
    assert until(lambda: lab.status().queue_depth == 1)
    stream.close()
    assert until(lambda: lab.status().queue_depth == 0)


async def median_s(do: Callable[[], Awaitable[None]], times: int = 9) -> float:
    """Return how long `do` takes, the median of some times."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await do()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def probes(http_: httpx.AsyncClient) -> tuple[float, float]:
    """Return the median seconds to /livez, and to a new request's first token over HTTP."""

    async def live() -> None:
        assert (await http_.get("/livez")).status_code == 200

    async def first_token() -> None:
        event = (await http_.post("/gradio_api/call/complete", json={"data": BRIEF})).json()
        answer = await http_.get(f"/gradio_api/call/complete/{event['event_id']}")
        assert "event: complete" in answer.text

    return await median_s(live), await median_s(first_token)


def test_100_idle_streams_slow_neither_health_nor_the_next_first_token(site: str) -> None:
    """A page that is open holds a stream; a hundred of them."""

    async def measure() -> list[float]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=site, limits=limits, timeout=60) as http_:
            await probes(http_)  # warm
            before = await probes(http_)
            held = [http_.stream("GET", f"/gradio_api/heartbeat/idle{n}") for n in range(100)]
            for stream in held:
                await stream.__aenter__()
            during = await probes(http_)
            for stream in held:
                await stream.__aexit__(None, None, None)
            return [*before, *during]

    live, token, live_100, token_100 = asyncio.run(measure())
    print(f"/livez {live:.4f} s, with 100 idle streams {live_100:.4f} s")
    print(f"first token {token:.4f} s, with 100 idle streams {token_100:.4f} s")
    assert live_100 < 2 * live + 0.05
    assert token_100 < 2 * token + 0.1


@pytest.mark.slow
def test_100_queued_requests_leave_the_probes_alone(full_lab: tuple[Lab, str]) -> None:
    lab, site = full_lab

    async def measure() -> float:
        async with httpx.AsyncClient(base_url=site, timeout=60) as http_:

            async def live() -> None:
                assert (await http_.get("/livez")).status_code == 200
                assert (await http_.get("/readyz")).status_code == 200

            return await median_s(live)

    streams = [opened(site, "complete", LONG) for _ in range(100)]
    assert until(lambda: lab.status().queue_depth == 100)
    taken_s = asyncio.run(measure())
    print(f"/livez and /readyz with 100 queued requests: {taken_s:.4f} s")
    for stream in streams:
        stream.close()
    assert until(lambda: lab.status().queue_depth == 0)
    assert taken_s < 1


# last in the file: playwright's event loop then runs in this thread
@pytest.mark.browser
@pytest.mark.parametrize("tab", ["generate", "chat"])
def test_closing_the_browser_while_queued_frees_the_place(
    chromium: Browser,  # noqa: F811
    full_lab: tuple[Lab, str],
    tab: str,
) -> None:
    lab, site = full_lab
    with visit(chromium, site, lang="en", size=LAPTOP, tab=tab) as page:
        if tab == "chat":
            page.locator("#chat-message textarea").fill("Hello.")
        page.locator(f"#{tab}-{'send' if tab == 'chat' else 'go'}").click()
        assert until(lambda: lab.status().queue_depth == 1)
        expect(page.locator(f"#{tab}-status")).to_contain_text("0 before you")
    assert until(lambda: lab.status().queue_depth == 0)
