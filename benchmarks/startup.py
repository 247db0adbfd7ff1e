"""From process start to the page, against a one-textbox Gradio app; and to the first story token.

    python -m benchmarks.startup            # writes benchmarks/results/startup.json and .md

Arms interleaved, each started once before that to warm the disk; ratios within each pair. A story
is asked for as soon as the page is there, over HTTP, as a reader would.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

from benchmarks.report import machine, write

PAIRS = 5
TEXTBOX = """
import os, gradio
with gradio.Blocks() as page:
    gradio.Textbox()
page.launch(server_port=int(os.environ["LAB_PORT"]), quiet=True)
"""
STORY = ["Tell me a story about a dragon.", "", True, 0.8, 0.9, 0, 0.0, 100, 7]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def page_s(site: str, began: float) -> float:
    """Wait for the page; return the seconds since `began`."""
    while True:
        try:
            with urllib.request.urlopen(site + "/", timeout=30) as answer:
                answer.read()
            return time.perf_counter() - began
        except OSError:
            time.sleep(0.02)


def first_token_s(site: str, began: float) -> float:
    """Ask for a story; return the seconds from `began` to its first words."""
    body, headers = json.dumps({"data": STORY}).encode(), {"Content-Type": "application/json"}
    call = urllib.request.Request(f"{site}/gradio_api/call/complete", body, headers)
    with urllib.request.urlopen(call, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{site}/gradio_api/call/complete/{event}", timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data:") and any(json.loads(line[5:]) or [""]):
                return time.perf_counter() - began
    raise RuntimeError("the stream ended without a word")


def start(command: list[str], *then: Callable[[str, float], float]) -> list[float]:
    """Start a server, measure each of `then` in turn, end it."""
    port = free_port()
    env = {**os.environ, "LAB_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return [measure(f"http://127.0.0.1:{port}", began) for measure in then]
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Measure, print and write the results."""
    where = machine()
    plain, lab = ["-c", TEXTBOX], ["-m", "demo"]
    start(plain, page_s), start(lab, page_s, first_token_s)  # warm
    pairs = [(start(plain, page_s)[0], *start(lab, page_s, first_token_s)) for _ in range(PAIRS)]
    ratios = [page / textbox for textbox, page, _ in pairs]
    figures: dict[str, object] = {
        "claim": "process start to the page, lab / one-textbox Gradio app; to the first token",
        "page_ratio_median": round(statistics.median(ratios), 2),
        "page_ratio_min": round(min(ratios), 2),
        "page_ratio_max": round(max(ratios), 2),
        "textbox_page_s_median": round(statistics.median(p[0] for p in pairs), 2),
        "lab_page_s_median": round(statistics.median(p[1] for p in pairs), 2),
        "first_token_s_median": round(statistics.median(p[2] for p in pairs), 2),
        "first_token_s_max": round(max(p[2] for p in pairs), 2),
        "pairs": PAIRS,
    }
    write("startup", figures | where)


if __name__ == "__main__":
    main()
