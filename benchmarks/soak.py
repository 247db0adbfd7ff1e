"""A class of locust learners on the real app: mixed tabs, leaving in mid-stream, coming back.

    python -m benchmarks.soak            # 100 learners, 10 minutes; writes results/soak.json, .md
    python -m benchmarks.soak --learners 20 --minutes 1 --try   # keeps nothing

Each learner is a person of its own, presses one button at a time and so exceeds no limit: every
refusal counts as an error. Every seeded text is compared with generate's, made before.
"""

# locust patches the standard library when it is imported: before all others
from locust import HttpUser, between, task  # isort: skip
from locust.env import Environment  # isort: skip

import argparse
import collections
import json
import os
import random
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

import gevent
import requests

from benchmarks.learners import generate_tab
from benchmarks.report import machine, write
from benchmarks.startup import free_port

PLAIN: dict[str, list[object]] = {
    "tokenize": ["Tell me a story about a dragon.", ""],
    "distribution": [{"cat": 0.5, "dog": 0.3, "fish": 0.2}, 0.7, 0, 0.9, 0.0],
    "self_bleu": [["a cat sat on a mat", "a cat sat on a hat", "dogs run"], "all", "auto"],
    "retrieve": ["dragon", "offline"],
    "ask": ["What is a dragon?", "offline", False, 1.0, 1.0, 0, 0.0, 40, 0],
}
TABLE: list[dict] = []
FUNCTIONS: dict[str, int] = {}
GENERATE: dict[str | None, object] = {}  # what the tab's own button sends, by elem_id, in order
ALIKE: dict[str, object] = {}  # the first answer of what is the same for everybody
COUNTS: collections.Counter[str] = collections.Counter()
FAULTS: list[str] = []
FIRST_S: list[float] = []
MOST_GROWTH = 1.1  # of the server's memory, from the second sixth of the run to its end


class Learner(HttpUser):
    """Somebody with a browser."""

    wait_time = between(0.5, 3)

    def on_start(self) -> None:
        """Open the page."""
        self.client.headers["Accept-Language"] = random.choice(["en", "ja"])
        self.open_page()

    @task(2)
    def open_page(self) -> None:
        """Load the page, as after a reload: a new session of the same person."""
        self.client.get("/", name="page")
        self.session = uuid.uuid4().hex
        COUNTS["page"] += 1

    @task(12)
    def seeded(self) -> None:
        """Generate something whose text is known."""
        known = random.choice(TABLE)
        streamed, final = self.press(known["endpoint"], known["data"])
        if final is None:
            return
        if known["endpoint"] == "tokens":
            got = ["".join(record["text"] for record in final).strip()]
        else:
            got = [t.strip() for t in (final["texts"] if isinstance(final, dict) else [final])]
        COUNTS["texts"] += len(got)
        COUNTS["texts_right"] += sum(a == b for a, b in zip(got, known["texts"]))
        if got != known["texts"]:
            FAULTS.append(f"wrong: {known['endpoint']} {known['data']}: {got}")
        if isinstance(final, str) and streamed.strip() != final.strip():
            FAULTS.append(f"lost: {streamed!r} was streamed of {final!r}")

    @task(8)
    def at_generate(self) -> None:
        """Press Run on Generate itself; its token strip must hold the text, token by token."""
        known = random.choice([k for k in TABLE if k["endpoint"] == "complete"])
        names = ("temperature", "top-p", "top-k", "epsilon", "max-new-tokens", "seed")
        values = {f"generate-{n}": v for n, v in zip(names, known["data"][3:])}
        values["generate-prompt"] = known["data"][0]
        data = [values.get(str(name), value) for name, value in GENERATE.items()]
        streamed, final = self.press("generate", data)
        if not isinstance(final, dict):
            return
        COUNTS["texts"] += 1
        right = said(final["tokens"]) == known["texts"][0]
        COUNTS["texts_right"] += right
        if not right:
            FAULTS.append(f"wrong: generate {values}: {said(final['tokens'])!r}")
        if streamed != final["tokens"]:
            FAULTS.append(f"lost: {streamed!r} was streamed of {final['tokens']!r}")

    @task(6)
    def plain(self) -> None:
        """Ask for what is the same for everybody."""
        endpoint = random.choice(list(PLAIN))
        _, final = self.press(endpoint, PLAIN[endpoint])
        if final is not None and ALIKE.setdefault(endpoint, final) != final:
            FAULTS.append(f"unlike: {endpoint}: {final}")

    @task(4)
    def leave(self) -> None:
        """Leave in mid-stream; what came so far must be the beginning of the text."""
        known = random.choice([k for k in TABLE if k["endpoint"] == "complete"])
        streamed, _ = self.press("complete", known["data"], updates=random.randint(1, 4))
        self.open_page()
        COUNTS["left"] += 1
        if not known["texts"][0].startswith(streamed.strip().rstrip("\ufffd")):
            FAULTS.append(f"mixed: {streamed!r} of {known['texts'][0]!r}")

    def press(self, endpoint: str, data: list[object], updates: int = 0) -> tuple[str, object]:
        """Press a button, over the page's protocol; return the text streamed and the last value.

        `updates`: leave after so many, zero stays to the end.
        """
        began, streamed, seen = time.perf_counter(), "", 0
        body = {"data": data, "fn_index": FUNCTIONS[endpoint], "session_hash": self.session}
        error, final = None, None
        joined = self.client.post("/gradio_api/queue/join", json=body, name="join")
        if joined.status_code != 200:
            FAULTS.append(f"error: {endpoint} {joined.status_code} {joined.text[:200]}")
            return "", None
        url = f"/gradio_api/queue/data?session_hash={self.session}"
        with self.client.get(url, stream=True, name="data", catch_response=True) as answer:
            for line in answer.iter_lines():
                message = json.loads(line[6:]) if line.startswith(b"data: ") else {"msg": ""}
                if message["msg"] == "process_generating" and message["success"]:
                    value = message["output"]["data"][0]  # of Generate the token strip
                    streamed, before = followed(streamed, value), streamed
                    if not before and streamed:
                        FIRST_S.append(time.perf_counter() - began)
                    seen += 1
                    if updates and seen >= updates:
                        break
                elif message["msg"] in ("process_completed", "process_generating"):
                    if not message["success"]:
                        error = str(message["output"].get("error"))
                    else:
                        final = message["output"]["data"][0]
                elif message["msg"] == "unexpected_error":
                    error = message["message"]
            answer.success()
            answer.close()
        if not updates and final is None:
            FAULTS.append(f"error: {endpoint}: {error or 'it ended without a result'}")
        COUNTS[endpoint] += 1
        return streamed, final


def followed(text: str, value: object) -> str:
    """Return a streamed text after one more update; other values stream nothing."""
    if isinstance(value, str):
        return value
    for edit in value if isinstance(value, list) else ():
        if isinstance(edit, list) and edit[1] in ([], ["tokens"]) and isinstance(edit[2], str):
            text = text + edit[2] if edit[0] == "append" else edit[2]
    return text


def said(tokens: str) -> str:
    """Return the text that a token strip's new tokens make."""
    new = [t for t in map(json.loads, tokens.splitlines()) if not (t["prompt"] or t["special"])]
    return b"".join(bytes.fromhex(t["data"]) for t in new).decode(errors="replace").strip()


def remember(config: dict) -> None:
    """Note the page's functions, and what its Generate tab sends."""
    FUNCTIONS.update({d["api_name"]: d["id"] for d in config["dependencies"] if d["api_name"]})
    FUNCTIONS["generate"], sent = generate_tab(config)
    GENERATE.update(sent)


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def soak(site: str, pid: int, learners: int, seconds: float) -> list[float]:
    """Let the learners loose; return the server's memory in MiB, twelve times a run."""
    Learner.host = site
    memory = []
    runner = Environment(user_classes=[Learner]).create_local_runner()
    runner.start(learners, spawn_rate=10)
    for _ in range(12):
        gevent.sleep(seconds / 12)
        memory.append(round(rss_mib(pid), 1))
        print(f"{memory[-1]} MiB, {sum(COUNTS.values())} done, {len(FAULTS)} faults", flush=True)
    runner.quit()
    FAULTS.extend(f"http: {e.name} {e.error}" for e in runner.stats.errors.values())
    return memory


def main() -> int:
    """Serve, soak, write; 0 when there was no fault and memory stayed flat."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--learners", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--try", dest="keep", action="store_false", help="write no results")
    asked, where, port = parser.parse_args(), machine(), free_port()
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.expected"], check=True, capture_output=True, text=True
    )
    TABLE.extend(json.loads(made.stdout))
    env = {**os.environ, "LAB_PORT": str(port), "LAB_THREADS": "1", "LAB_SEARCH": "offline"}
    server = subprocess.Popen([sys.executable, "-m", "demo"], env=env)
    site = f"http://127.0.0.1:{port}"
    try:
        while not ready(site):
            gevent.sleep(0.5)
        config = requests.get(site + "/config", headers={"Accept-Language": "en"}).json()
        remember(config)
        memory = soak(site, server.pid, asked.learners, 60 * asked.minutes)
        ended = server.poll()
    finally:
        server.terminate()
        server.wait(30)
    growth = memory[-1] / statistics.median(memory[2:4])
    figures: dict[str, object] = {
        "claim": "no error not asked for, no lost or mixed text, every text right, memory flat",
        "learners": asked.learners,
        "minutes": asked.minutes,
        "held": not FAULTS and ended is None and growth <= MOST_GROWTH,
        "faults": len(FAULTS),
        "first_faults": FAULTS[:10],
        "requests": dict(sorted(COUNTS.items())),
        "first_text_s_median": round(statistics.median(FIRST_S), 3),
        "first_text_s_p95": round(statistics.quantiles(FIRST_S, n=20)[-1], 3),
        "server_rss_mib": memory,
        "memory_growth": round(growth, 3),
    }
    write("soak", figures | where, keep=asked.keep)
    return 0 if figures["held"] else 1


def ready(site: str) -> bool:
    """True once requests can be answered; the first page begins the load."""
    try:
        requests.get(site + "/", timeout=30)
        return requests.get(site + "/readyz", timeout=30).status_code == 200
    except requests.RequestException:
        return False


if __name__ == "__main__":
    sys.exit(main())
