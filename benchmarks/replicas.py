"""What a second replica behind Ray's router brings, and what the router costs (`make ray-test`).

    .venv-ray/bin/python -m benchmarks.replicas   # writes benchmarks/results/replicas.json and .md

Equal seeded streams over HTTP, from this process. One replica, two, and the same routes as
`python -m demo` serves them take turns, one thread each. All of it shares this machine's cores, and
the wider a batch, the less a token costs: where a replica's rows are enough for everybody, a second
one gains little here. With LAB_MAX_STREAMS=8 each replica is full, which is when one wants another.
The same by processor time says what replicas on machines of their own would give: an estimate.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import httpx
import psutil

from benchmarks.arms import POCKET, folders, options, ratios, rounds
from benchmarks.learners import STORY, story
from benchmarks.learners import crowd as learners
from benchmarks.report import Row, machine, row, write
from benchmarks.startup import free_port

ROOT = Path(__file__).parent.parent
STREAMS = 32
ROWS = {"pocket": (32, 8), "768": (8,)}  # LAB_MAX_STREAMS
PROCESSES = {"ray::ServeRepli": "replicas", "ray::ProxyActor": "router", "python": "page"}
OWN = {  # of a Ray that nobody else joins and that leaves nothing behind
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "OMP_NUM_THREADS": "1",
    "LAB_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}


@contextlib.contextmanager
def cluster(cpus: int = 2) -> Iterator[str]:
    """Yield the address of a Ray of our own on loopback; `cpus` are what Ray counts, not cores."""
    with mock.patch.dict(os.environ, OWN | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}):
        import ray
        from ray import serve

        ray.init(
            num_cpus=cpus,
            object_store_memory=100 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
        )
        try:
            port = free_port()
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            yield f"http://127.0.0.1:{port}"
        finally:
            serve.shutdown()
            ray.shutdown()


def deploy(env: Mapping[str, str], *, replicas: int, name: str = "lab", prefix: str = "/") -> None:
    """Run the application with these LAB_* settings; returns when its models are loaded."""
    from ray import serve

    from backend.ray_serve import Arguments, application

    with mock.patch.dict(os.environ, env):
        app = application(Arguments(replicas=replicas))
    serve.run(app, name=name, route_prefix=prefix)


@contextlib.contextmanager
def page(env: Mapping[str, str]) -> Iterator[str]:
    """Yield the address of `python -m demo`, ready."""
    port = free_port()
    command = [sys.executable, "-m", "demo"]
    server = subprocess.Popen(command, env={**os.environ, **OWN, **env, "LAB_PORT": str(port)})
    try:
        address = f"http://127.0.0.1:{port}"
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{address}/readyz").status_code == 200:
                    break
            assert server.poll() is None, "the page did not start"
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def processor_s() -> Counter[str]:
    """Return the processor time so far of this process and of what serves below it, in seconds."""
    used = Counter({"client": time.process_time()})
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("python") and "demo" not in process.cmdline():
                continue
            whose = next((w for n, w in PROCESSES.items() if process.name().startswith(n)), "")
            times = process.cpu_times()
            used[whose] += times.user + times.system
    del used[""]
    return used


def multiplied(seconds: float = 1.0) -> int:
    """Return how many matrices this process multiplies in so long."""
    import torch

    torch.set_num_threads(1)
    x, weights = torch.randn(8, 768), [torch.randn(768, 2048) for _ in range(24)]
    times, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for weight in weights:
            x @ weight
        times += 1
    return times


def machines_own(title: str, pairs: int) -> Row:
    """Return what this machine gives two processes that share nothing, in the same minutes."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(multiplied, [0.1, 0.1]))
        alone, gains = [], []
        for _ in range(pairs):
            alone.append(pool.submit(multiplied).result())
            gains.append(sum(pool.map(multiplied, [1.0, 1.0])) / alone[-1])
    return row(f"{title}: then, two processes that only multiply / one", gains, baseline=alone)


async def stream(client: httpx.AsyncClient, seed: int, new_tokens: int) -> list[str]:
    """Return the pieces of one stream."""
    body = {"prompt": STORY, "seed": seed, "max_tokens": new_tokens, "temperature": 100.0}
    pieces = []
    async with client.stream("POST", "/v1/completions", json={**body, "stream": True}) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                pieces.append(json.loads(line[6:])["choices"][0]["text"])
    return pieces


async def crowd(address: str, new_tokens: int) -> list[str]:
    """Return the texts of all streams, read at once."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        found = await asyncio.gather(*(stream(client, n, new_tokens) for n in range(STREAMS)))
    return ["".join(pieces) for pieces in found]


def measure(
    title: str, env: Mapping[str, str], address: str, *, pairs: int, new_tokens: int
) -> tuple[list[Row], Row]:
    """Return the claims on one model and what was found besides."""
    texts: dict[str, list[str]] = {}
    used: dict[str, Counter[str]] = {}

    def plain(at: str) -> list[str]:
        return asyncio.run(crowd(at, new_tokens))

    def pressed(at: str) -> list[str]:
        runs = [story(new_tokens, seed) for seed in range(STREAMS)]
        return [heard.text for heard in learners(at, runs, 1)]

    def arm(which: str, at: str, read: Callable[[str], list[str]] = plain) -> Callable[[], float]:
        def run() -> float:
            before, began = processor_s(), time.perf_counter()
            texts[which] = read(at)
            took = time.perf_counter() - began
            used.setdefault(which, Counter()).update(processor_s() - before)
            return took

        return run

    for number, prefix in ((1, "/one"), (2, "/two")):
        deploy(env, replicas=number, name=prefix[1:], prefix=prefix)
    arms = {which: arm(which, f"{address}/{which}") for which in ("one", "two")}
    with page(env) as own:
        found = rounds(arms | {"own": arm("own", own)}, pairs)
    assert texts["one"] == texts["two"] == texts["own"], "a seed gave two texts"
    if env["LAB_MODEL"] == "pocket-chat":
        with page({"LAB_ENGINE_URL": f"{address}/two/v1"}) as before:
            rounds({"page": arm("page", before, pressed)}, pairs)
        assert [t.strip() for t in texts["page"]] == [t.strip() for t in texts["two"]]
    tokens, one = STREAMS * new_tokens, found["one"]
    claims = [
        row(f"{title}, two replicas / one", ratios(one, found["two"]), baseline=one),
        row(
            f"{title}, one replica / the page's own routes",
            ratios(found["own"], one),
            baseline=found["own"],
        ),
    ]
    cost = {
        which: {who: round(1000 * s / tokens / (pairs + 1), 3) for who, s in spent.items()}
        for which, spent in used.items()
        if which != "own"
    }
    return claims, {
        f"{title}: tokens/s of one at best": round(tokens / min(one)),
        f"{title}: tokens/s of two at best": round(tokens / min(found["two"])),
        **{f"{title}: processor ms a token, {which}": spent for which, spent in cost.items()},
        f"{title}: two / one by processor time, estimated": round(
            2 * cost["one"]["replicas"] / cost["two"]["replicas"], 2
        ),
    }


def main() -> None:
    """Measure, print and write the results."""
    quick, where = options().quick, machine()
    claims, figures = list[Row](), Row()
    size = {"pairs": 2 if quick else 3, "new_tokens": 16 if quick else 48}
    with folders() as found, cluster(cpus=3) as address:
        for name, folder in found.items():
            model = "pocket-chat" if folder == POCKET else folder
            for rows in ROWS[name]:
                env = {"LAB_MODEL": model, "LAB_MAX_STREAMS": str(rows)}
                title = f"{name}: {STREAMS} streams, {rows} rows a replica"
                more, besides = measure(title, env, address, **size)
                claims += [*more, machines_own(title, size["pairs"])]
                figures |= besides
    write("replicas", figures | where | {"ray": version("ray")}, claims, keep=not quick)


if __name__ == "__main__":
    main()
