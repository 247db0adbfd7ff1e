"""What the page costs: the claims of the engine once more, over HTTP and the page's protocol.

    python -m benchmarks.http            # writes benchmarks/results/http.json and .md

The server runs in this process as `python -m demo` runs it, its learners in another; limits per
person are lifted. --quick only shows that it runs.
"""

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import httpx
import torch
from transformers import set_seed

from backend.lab import Lab
from backend.queueing import Limits
from backend.settings import Settings
from backend.types import SamplingParams
from benchmarks import learners
from benchmarks.arms import PAIRS, POCKET, options, plain, ratios, rounds
from benchmarks.learners import Heard
from benchmarks.report import Row, machine, row, write
from benchmarks.serve import served
from benchmarks.startup import free_port

STREAMS, NEW_TOKENS = 32, 256
LIFTED = Limits(running=1000, waiting=1000, rows=2000, deadline_s=3600)
USUAL = """
import sys, threading
import gradio as gr, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="float32").eval()
def reply(message, history):
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    settings = dict(do_sample=True, temperature=100.0, top_k=0, max_new_tokens=int(sys.argv[3]))
    inputs = tokenizer(message, return_tensors="pt")
    kwargs = {**inputs, **settings, "streamer": streamer}
    threading.Thread(target=model.generate, kwargs=kwargs).start()
    text = ""
    for piece in streamer:
        text += piece
        yield text
gr.ChatInterface(reply, api_name="complete").launch(server_port=int(sys.argv[2]), quiet=True)
"""


def p95(heard: list[Heard]) -> float:
    """Return the 95th percentile of the seconds to the first text."""
    return statistics.quantiles((h.first_s for h in heard), n=20)[-1]


def longest_gap(heard: list[Heard]) -> float:
    """Return the longest silence in seconds within any run."""
    return max((b - a for h in heard for a, b in zip(h.updates_s, h.updates_s[1:])), default=0.0)


def measure(lab: Lab, site: str, pool: ProcessPoolExecutor, quick: bool) -> tuple[list[Row], Row]:
    """Run all arms; return the claims and further figures."""
    pairs, probes, many = (2, 40, 64) if quick else (PAIRS, 100, 500)
    loaded, model = lab.engine.model(), plain(POCKET)
    model.generation_config = loaded.model.generation_config
    inputs = loaded.tokenizer(learners.STORY, return_tensors="pt")
    heard: dict[str, list[Heard]] = {}
    speeds: list[float] = []

    def over_http(name: str, runs: list[list[object]]) -> Callable[[], float]:
        def arm() -> float:
            heard[name] = found = pool.submit(learners.crowd, site, runs, len(runs)).result()
            if name == "streams":
                speeds.append(min(h.seconds for h in found) / max(h.seconds for h in found))
            return max(h.ended_s for h in found) - min(h.began_s for h in found)

        return arm

    def bare() -> float:
        set_seed(seeds[0])
        began = time.perf_counter()
        settings = {"do_sample": True, "temperature": 100.0, "top_k": 0, "top_p": 1.0}
        out = model.generate(**inputs, **settings, max_new_tokens=NEW_TOKENS)
        took = time.perf_counter() - began
        text = loaded.tokenizer.decode(
            out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        told = heard.get("one")
        assert not told or told[0].text.strip() == text.strip(), "the page's text is not generate's"
        return took

    def generate(seed: int) -> int:
        params = SamplingParams(
            do_sample=True, temperature=100.0, max_new_tokens=NEW_TOKENS, seed=seed
        )
        return len(lab.generate(learners.STORY, params)[0].steps)

    # streams of equal length: some of such hot ones draw the end token
    seeds = [seed for seed in range(2 * STREAMS) if generate(seed) == NEW_TOKENS][:STREAMS]

    def engine() -> float:
        threads = [threading.Thread(target=generate, args=(seed,)) for seed in seeds]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - began

    def generate_tab() -> float:
        found = pool.submit(learners.at_generate, site, NEW_TOKENS, seeds).result()
        for h in found:  # the prompt's tokens are lines too
            lines = [json.loads(line) for line in h.text.splitlines()]
            assert sum(not token["prompt"] for token in lines) == NEW_TOKENS
        return max(h.ended_s for h in found) - min(h.began_s for h in found)

    def first(running: int, loads: int = 0) -> Callable[[], float]:
        def arm() -> float:
            found = pool.submit(learners.firsts, site, running, probes, loads).result()
            heard[f"{running} running, {loads} loads"] = found
            return p95(found)

        return arm

    one = rounds(
        {"bare": bare, "page": over_http("one", [learners.story(NEW_TOKENS, seeds[0])])}, pairs
    )
    runs = [learners.story(NEW_TOKENS, seed) for seed in seeds]
    arms = {"engine": engine, "page": over_http("streams", runs), "generate": generate_tab}
    all_32 = rounds(arms, pairs)
    firsts = rounds({"idle": first(0), "running": first(16), "loads": first(16, 100)}, pairs)
    rates = [
        pool.submit(learners.greedy, site, many, STREAMS - 1, 20).result() for _ in range(pairs)
    ]
    shares = [learners.jain(found) for found in rates]
    usual = rounds({"page": over_http("streams", runs), "usual": usual_app(pool, heard, runs)}, 1)
    claims = [
        row(
            f"one stream of {NEW_TOKENS} tokens through the page's protocol / bare generate",
            ratios(one["bare"], one["page"]),
            baseline=one["bare"],
            at_least=0.95,
        ),
        row(
            f"{STREAMS} streams over HTTP at ten updates a second / engine alone",
            ratios(all_32["engine"], all_32["page"]),
            baseline=all_32["engine"],
            at_least=0.85,
        ),
        row(
            f"{STREAMS} learners at Generate's own button, every token clickable / engine alone",
            ratios(all_32["engine"], all_32["generate"]),
            baseline=all_32["engine"],
        ),
        row(
            "p95 time to first token over HTTP, 16 running / idle",
            ratios(firsts["running"], firsts["idle"]),
            baseline=firsts["idle"],
            at_most=3,
        ),
        row(
            "p95 time to first token, 100 page loads a minute beside 16 running / without",
            ratios(firsts["loads"], firsts["running"]),
            baseline=firsts["running"],
        ),
        row(f"slowest / fastest of {STREAMS} equal streams over HTTP", speeds[1:], at_least=0.9),
        row(
            f"Jain index over {STREAMS} people's first answers, one of whom sends {many} before",
            shares,
            at_least=0.9,
        ),
        row(
            f"{STREAMS} streams: the usual Gradio app's seconds / the page's",
            ratios(usual["usual"], usual["page"]),
        ),
    ]
    [long] = heard["one"]
    figures: Row = {
        "updates_per_s": round(len(long.updates_s) / long.seconds, 1),
        "bytes_per_update": round(long.received_bytes / len(long.updates_s)),
        "longest_gap_s_running": round(longest_gap(heard["16 running, 0 loads"]), 3),
        "longest_gap_s_loads": round(longest_gap(heard["16 running, 100 loads"]), 3),
        "page_p95_first_token_s": round(p95(heard["streams"]), 3),
        "usual_p95_first_token_s": round(p95(heard["usual"]), 3),
        "greedy_rates_median": [round(statistics.median(r), 3) for r in rates],
    }
    return claims, figures


def usual_app(
    pool: ProcessPoolExecutor, heard: dict[str, list[Heard]], runs: list[list[object]]
) -> Callable[[], float]:
    """Return an arm that asks as much of ChatInterface with a TextIteratorStreamer in a thread."""

    def arm() -> float:
        port = free_port()
        command = [sys.executable, "-c", USUAL, POCKET, str(port), str(NEW_TOKENS)]
        env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
        process, site = subprocess.Popen(command, env=env), f"http://127.0.0.1:{port}"
        try:
            while not is_there(site):
                time.sleep(0.2)
            messages: list[list[object]] = [[learners.STORY, None]] * len(runs)
            found = pool.submit(learners.crowd, site, messages, len(runs)).result()
        finally:
            process.terminate()
            process.wait(30)
        heard["usual"] = found
        return max(h.ended_s for h in found) - min(h.began_s for h in found)

    return arm


def is_there(site: str) -> bool:
    """True once a server answers."""
    try:
        return httpx.get(site + "/config", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    """Measure, print and write the results."""
    torch.set_num_threads(1)
    quick, where = options().quick, machine()
    settings = Settings(threads=1, max_queue=1000, max_new_tokens=learners.MOST_NEW_TOKENS)
    lab = Lab(settings, limits=LIFTED)
    spawn = multiprocessing.get_context("spawn")
    try:
        lab.engine.model()
        with served(lab) as site, ProcessPoolExecutor(1, mp_context=spawn) as pool:
            claims, figures = measure(lab, site, pool, quick)
        write("http", figures | where, claims, keep=not quick)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
