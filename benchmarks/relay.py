"""What the lab costs between a learner and a server: the bare client against a lab in front.

    python -m benchmarks.relay            # writes benchmarks/results/relay.json and .md

The server is a lab's routes in another process, the bare client httpx with the same body. First
token: one stream at a time, medians; throughput: streams together. --quick only shows that it runs.
"""

import asyncio
import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import httpx

from backend.lab import PAGE_UPDATE_S, Lab
from backend.queueing import Limits
from backend.remote_loop import EXTRA
from backend.remote_stream import body
from backend.settings import Settings
from backend.types import Request, SamplingParams
from benchmarks.arms import PAIRS, options, ratios, rounds
from benchmarks.report import machine, row, write

PROMPT = "Tell me a story about a dragon."
STREAMS, NEW_TOKENS, FIRSTS = 8, 200, 20
LIFTED = Limits(running=1000, waiting=1000, rows=2000, deadline_s=3600)
LONGEST_MS = 10.0  # beside one update interval


def serve(pipe: Connection) -> None:
    """Serve a lab's routes; say the address, end when told."""
    from fastapi import FastAPI

    from backend import api
    from tests.conftest import serve

    lab, app = Lab(Settings(threads=1), limits=LIFTED), FastAPI()
    app.include_router(api.router(lab))
    lab.engine.model()
    with serve(lab, app) as site:
        pipe.send(site)
        pipe.recv()
    lab.close()


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield LAB_ENGINE_URL of a lab in another process."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    yield f"{here.recv()}/v1"
    here.send(None)
    process.join(10)


def params(seed: int, new_tokens: int) -> SamplingParams:
    """Return settings under which no text ends early."""
    return SamplingParams(do_sample=True, temperature=100.0, seed=seed, max_new_tokens=new_tokens)


async def bare(client: httpx.AsyncClient, settings: SamplingParams) -> float:
    """Read one answer as it comes; return the seconds to its first event with a token."""
    request = Request(PROMPT, settings)
    route, fields = body(request, "pocket-chat", extra=EXTRA["lab"], without=frozenset())
    began, first_s = time.perf_counter(), 0.0
    async with client.stream("POST", route, json=fields) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                first_s = first_s or time.perf_counter() - began
    return first_s


async def relayed(lab: Lab, settings: SamplingParams) -> float:
    """The same through a lab, as a page reads it."""
    began, first_s = time.perf_counter(), 0.0
    async for update in lab.aupdates(PROMPT, settings):
        if update.steps:
            first_s = first_s or time.perf_counter() - began
    return first_s


def main() -> None:
    """Measure both and write the claims."""
    quick = options().quick
    pairs, firsts, tokens = (2, 3, 20) if quick else (PAIRS, FIRSTS, NEW_TOKENS)
    about = machine()
    with server() as url, asyncio.Runner() as runner:
        lab = Lab(Settings(engine_url=url), limits=LIFTED)
        client = httpx.AsyncClient(base_url=url, timeout=60)
        ways: dict[str, Callable[[SamplingParams], object]] = {
            "bare": lambda settings: bare(client, settings),
            "lab": lambda settings: relayed(lab, settings),
        }

        def first_ms(way: str) -> float:
            """Median over streams that run alone."""

            async def run() -> list[float]:
                return [await ways[way](params(i, 2)) for i in range(firsts)]  # type: ignore[misc]

            return 1000 * statistics.median(runner.run(run()))

        def throughput(way: str) -> float:
            """Tokens a second of streams that run together."""

            async def run() -> None:
                await asyncio.gather(*(ways[way](params(i, tokens)) for i in range(STREAMS)))  # type: ignore[misc,arg-type]

            began = time.perf_counter()
            runner.run(run())
            return STREAMS * tokens / (time.perf_counter() - began)

        first = rounds({way: lambda way=way: first_ms(way) for way in ways}, pairs)
        speed = rounds({way: lambda way=way: throughput(way) for way in ways}, pairs)
        runner.run(client.aclose())
        lab.close()
    added = [there - here for there, here in zip(first["lab"], first["bare"])]
    limit = LONGEST_MS + 1000 * PAGE_UPDATE_S
    claims = [
        row(
            "first token: ms that the lab adds to the bare client",
            added,
            baseline=first["bare"],
            at_most=limit,
        ),
        row(
            f"throughput of {STREAMS} streams: lab / bare client",
            ratios(speed["lab"], speed["bare"]),
            baseline=speed["bare"],
            at_least=0.95,
        ),
    ]
    figures = {
        "first token, bare client, ms": round(statistics.median(first["bare"]), 2),
        "first token, lab, ms": round(statistics.median(first["lab"]), 2),
        "tokens/s, bare client": round(statistics.median(speed["bare"])),
        "tokens/s, lab": round(statistics.median(speed["lab"])),
        **about,
    }
    write("relay", figures, claims, keep=not quick)


if __name__ == "__main__":
    main()
