"""Learners over the page's own protocol: POST queue/join, then read queue/data (Gradio's sse_v3).

Imports no torch, so that they run in a process of their own beside the server's. Times are
perf_counter's, which processes of one machine share.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

STORY, BEGUN = "Tell me a story about a dragon.", "Once upon a time"
MOST_NEW_TOKENS = 1900  # what the pocket model's context leaves


@dataclass(kw_only=True)
class Heard:
    """What one run brought, and when."""

    began_s: float
    ended_s: float = 0.0
    updates_s: list[float] = field(default_factory=list)  # each with new text
    received_bytes: int = 0
    text: str = ""

    @property
    def first_s(self) -> float:
        """Seconds to the first text."""
        return self.updates_s[0] - self.began_s

    @property
    def seconds(self) -> float:
        """Seconds from the button to the end."""
        return self.ended_s - self.began_s


def story(new_tokens: int, seed: int) -> list[object]:
    """Return what /complete takes; so hot, it does not end before its limit."""
    return [STORY, "", True, 100.0, 1.0, 0, 0.0, new_tokens, seed]


async def learner(site: str) -> httpx.AsyncClient:
    """Return a browser that has opened the page: a person of its own."""
    client = httpx.AsyncClient(base_url=site, timeout=600, headers={"Accept-Language": "en"})
    (await client.get("/")).raise_for_status()
    return client


async def functions(client: httpx.AsyncClient) -> dict[str, int]:
    """Return the page's function ids by endpoint."""
    found = (await client.get("/config")).json()["dependencies"]
    return {d["api_name"]: d["id"] for d in found if isinstance(d["api_name"], str)}


def generate_tab(config: dict) -> tuple[int, dict[str | None, object]]:
    """Return the id of Generate's Run in a config, and what it sends, by elem_id in order."""
    props = {component["id"]: component["props"] for component in config["components"]}
    go = [next(n for n, p in props.items() if p.get("elem_id") == "generate-go"), "click"]
    [run] = [d for d in config["dependencies"] if go in d["targets"]]
    sent = (props[n] for n in run["inputs"])
    return run["id"], {values.get("elem_id"): values.get("value") for values in sent}


async def run(client: httpx.AsyncClient, index: int, data: list[object]) -> Heard:
    """Press a button and listen to the end. Raises RuntimeError with what an error said."""
    heard, session = Heard(began_s=time.perf_counter()), uuid.uuid4().hex
    body = {"data": data, "fn_index": index, "session_hash": session}
    (await client.post("/gradio_api/queue/join", json=body)).raise_for_status()
    async with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        async for line in stream.aiter_lines():
            heard.received_bytes += len(line) + 1
            if not line:
                continue
            message = json.loads(line.removeprefix("data: "))
            if message["msg"] == "process_generating":
                if follow(heard, message["output"]["data"]):
                    heard.updates_s.append(time.perf_counter())
            elif message["msg"] == "process_completed":
                heard.ended_s = time.perf_counter()
                if not message["success"]:
                    raise RuntimeError(message["output"].get("error"))
    return heard


def follow(heard: Heard, data: Sequence[object]) -> bool:
    """Apply an update, whole or a difference, to the text; return whether there is more."""
    before, value = heard.text, data[0]  # ChatInterface has two outputs, Generate five
    if isinstance(value, str):
        heard.text = value
    for action, path, text in value if isinstance(value, list) else ():
        if path in ([], ["tokens"]):
            heard.text = heard.text + text if action == "append" else text
    return heard.text != before


async def together(site: str, runs: Sequence[list[object]], people: int) -> list[Heard]:
    """Have people press /complete at the same moment, the runs dealt out among them in turn."""
    crowd = [await learner(site) for _ in range(people)]
    index = (await functions(crowd[0]))["complete"]
    try:
        asked = (run(crowd[n % people], index, data) for n, data in enumerate(runs))
        return await asyncio.gather(*asked)
    finally:
        for client in crowd:
            await client.aclose()


def crowd(site: str, runs: Sequence[list[object]], people: int) -> list[Heard]:
    """The same, for a process of its own."""
    return asyncio.run(together(site, runs, people))


async def _at_generate(site: str, new_tokens: int, seeds: Sequence[int]) -> list[Heard]:
    people = [await learner(site) for _ in seeds]
    index, page = generate_tab((await people[0].get("/config")).json())
    hot = {"generate-temperature": 100.0, "generate-top-p": 1.0}
    page |= {**hot, "generate-max-new-tokens": new_tokens}
    asked = (
        run(client, index, list({**page, "generate-seed": seed}.values()))
        for client, seed in zip(people, seeds)
    )
    try:
        return await asyncio.gather(*asked)
    finally:
        for client in people:
            await client.aclose()


def at_generate(site: str, new_tokens: int, seeds: Sequence[int]) -> list[Heard]:
    """Have one person a seed press Run on Generate at the same moment; for a process of its own.

    A run's text is what its token strip was sent: one JSON object a line.
    """
    return asyncio.run(_at_generate(site, new_tokens, seeds))


async def _firsts(site: str, running: int, times: int, loads: int) -> list[Heard]:
    """Return short runs one after the other, while so many long ones run and pages are loaded."""
    people = [await learner(site) for _ in range(running + 1)]
    index = (await functions(people[0]))["complete"]

    async def endless(client: httpx.AsyncClient, seed: int) -> None:
        while True:
            await run(client, index, story(MOST_NEW_TOKENS, seed))

    async def visitors() -> None:
        for _ in range(loads):
            async with contextlib.aclosing(await learner(site)):
                await asyncio.sleep(0.6)  # a hundred in a minute

    beside = [asyncio.create_task(endless(c, n)) for n, c in enumerate(people[1:])]
    beside += [asyncio.create_task(visitors())] if loads else []
    await asyncio.sleep(1.0 if beside else 0.0)
    # the first token can be read at once: after STORY come two line feeds, each held back as bytes
    brief = ([BEGUN, "", True, 1.0, 1.0, 0, 0.0, 8, seed] for seed in range(times))
    heard = [await run(people[0], index, data) for data in brief]
    for task in beside:
        task.cancel()
    for ended in await asyncio.gather(*beside, return_exceptions=True):
        if isinstance(ended, Exception):  # fewer ran than the figure would say
            raise ended
    for client in people:
        await client.aclose()
    return heard


def firsts(site: str, running: int, times: int, loads: int = 0) -> list[Heard]:
    """The same, for a process of its own."""
    return asyncio.run(_firsts(site, running, times, loads))


async def _greedy(site: str, most: int, others: int, new_tokens: int) -> list[float]:
    first, *rest = [await learner(site) for _ in range(1 + others)]
    index = (await functions(first))["complete"]
    many = [asyncio.create_task(run(first, index, story(new_tokens, n))) for n in range(most)]
    await asyncio.sleep(0.5)
    one = await asyncio.gather(*(run(c, index, story(new_tokens, n)) for n, c in enumerate(rest)))
    mine = await asyncio.gather(*many)
    for client in (first, *rest):
        await client.aclose()
    return [1 / heard.seconds for heard in (mine[0], *one)]


def greedy(site: str, most: int, others: int, new_tokens: int) -> list[float]:
    """Have one person send `most` runs, then others one each; return each one's first run's rate.

    In answers per second, the greedy person's first.
    """
    return asyncio.run(_greedy(site, most, others, new_tokens))


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all are equal, 1/n when one has all (Jain et al., 1984)."""
    return sum(values) ** 2 / (len(values) * sum(v * v for v in values))
