"""What Prometheus costs the class: streams while /metrics is scraped every second, and while not.

    python -m benchmarks.scrape            # writes benchmarks/results/scrape.json and .md

The app is served as `python -m demo` serves it; another process asks for /metrics, as Prometheus
does, and finds as many series there as a class makes. Tokens per second of STREAMS streams in this
process, the arms taking turns; by this process's own time on the processor too, where what else
runs on the machine does not count. --quick only shows that it runs.
"""

import contextlib
import itertools
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event

import httpx
import torch

from backend.catalog import POCKET
from backend.lab import Lab
from backend.metrics import OPERATIONS
from backend.queueing import Limits
from backend.settings import Settings
from backend.types import RequestStats, SamplingParams
from benchmarks.arms import PAIRS, options, ratios, rounds
from benchmarks.report import Row, machine, row, write
from benchmarks.serve import served

PROMPT = "Tell me a story about a dragon."
STREAMS, NEW_TOKENS, EVERY_S = 32, 400, 1.0
LIFTED = Limits(running=1000, waiting=1000, rows=2000, deadline_s=3600)


def scrape(site: str, on: Event, ended: Event, took_s: "multiprocessing.Queue[float]") -> None:
    """Ask for /metrics every EVERY_S while `on` is set, compressed, as Prometheus asks for it."""
    headers = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip"}
    with httpx.Client(headers=headers, timeout=30) as client:
        while not ended.is_set():
            if on.wait(0.1):
                began = time.perf_counter()
                client.get(f"{site}/metrics").raise_for_status()
                took = time.perf_counter() - began
                took_s.put(took)
                ended.wait(max(0.0, EVERY_S - took))


@contextlib.contextmanager
def scraper(site: str) -> Iterator[tuple[Event, "multiprocessing.Queue[float]"]]:
    """Yield what switches a scraping process on, and the seconds that each scrape took."""
    spawn = multiprocessing.get_context("spawn")
    on, ended, took_s = spawn.Event(), spawn.Event(), spawn.Queue()
    process = spawn.Process(target=scrape, args=(site, on, ended, took_s))
    process.start()
    try:
        on.set()
        took_s.get(timeout=120)  # it has imported what it needs
        yield on, took_s
    finally:
        ended.set()
        process.join(30)


def as_a_class(lab: Lab) -> None:
    """Count a request of every kind on two models, so that all their series are there."""
    for model, operation, outcome in itertools.product(
        POCKET, OPERATIONS, ("ok", "cancelled", "rejected", "error")
    ):
        lab.metrics.ended(
            RequestStats(
                operation=operation,
                model=model,
                precision="fp32",
                outcome=outcome,  # type: ignore[arg-type]  # each is one
                queue_wait_s=0.0,
                ttft_s=0.1,
                duration_s=1.0,
                gaps_s=(0.01,),
                input_tokens=1,
                output_tokens=2,
            )
        )


def tokens_per_s(lab: Lab, new_tokens: int) -> tuple[float, float]:
    """Return the tokens of STREAMS streams that begin at once, per second, and per second of
    this process's own time on the processor."""
    made: list[int] = []

    def one(seed: int) -> None:
        params = SamplingParams(
            do_sample=True, temperature=100.0, max_new_tokens=new_tokens, seed=seed
        )
        made.append(sum(1 for _ in lab.stream(PROMPT, params)))

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(STREAMS)]
    began, own = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tokens = sum(made)
    return tokens / (time.perf_counter() - began), tokens / (time.process_time() - own)


def measure(lab: Lab, site: str, quick: bool) -> tuple[list[Row], Row]:
    """Return the claim and further figures."""
    pairs, new_tokens = (2, 60) if quick else (2 * PAIRS, NEW_TOKENS)
    own: dict[bool, list[float]] = {True: [], False: []}
    as_a_class(lab)
    with scraper(site) as (on, took_s):

        def arm(scraped: bool) -> Callable[[], float]:
            def run() -> float:
                on.set() if scraped else on.clear()
                wall, processor = tokens_per_s(lab, new_tokens)
                own[scraped].append(processor)
                return wall

            return run

        rates = rounds({"scraped": arm(True), "alone": arm(False)}, pairs)
        on.clear()
    times = [took_s.get() for _ in range(took_s.qsize())]
    body = lab.metrics_text()[0]
    claim = row(
        f"tokens per second of {STREAMS} streams with a scrape every second / without",
        ratios(rates["scraped"], rates["alone"]),
        baseline=rates["alone"],
        at_least=0.98,
    )
    by_processor = statistics.median(ratios(own[True][1:], own[False][1:]))  # but the warming run
    figures: Row = {
        "by_processor_time": round(by_processor, 3),
        "scrapes": len(times),
        "scrape_ms_median": round(1000 * statistics.median(times), 1),
        "metrics_bytes": len(body),
        "series": sum(not line.startswith(b"#") for line in body.splitlines()),
    }
    return [claim], figures


def main() -> None:
    """Measure, print and write the results."""
    torch.set_num_threads(1)
    quick, where = options().quick, machine()
    lab = Lab(Settings(threads=1, max_streams=STREAMS), limits=LIFTED)
    try:
        lab.engine.model()
        with served(lab) as site:
            claims, figures = measure(lab, site, quick)
        write("scrape", figures | where, claims, keep=not quick)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
