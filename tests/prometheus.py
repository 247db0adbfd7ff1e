"""A real Prometheus beside the tests, and what the dashboards and alerts ask of it."""

import json
import math
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

MONITORING = Path(__file__).resolve().parent.parent / "monitoring"
THRESHOLD = re.compile(r"\s(?:==|[<>]=?)\s[\d.e]+")
RATE_INTERVAL = "1m"  # what Grafana puts in for $__rate_interval, at a scrape a second


def needs(program: str) -> str:
    """Return a program's path; skip the test where it is not installed."""
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not installed (Debian's package prometheus)")
    return path


def dashboards() -> dict[str, dict]:
    """Return the dashboards by their files' names."""
    files = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
    return {path.stem: json.loads(path.read_text("utf-8")) for path in files}


def alerts() -> list[dict]:
    """Return the alert rules."""
    [group] = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))["groups"]
    return group["rules"]


def expressions() -> dict[str, str]:
    """Return what every panel and alert asks for, an alert without its thresholds, by place."""
    panels = {
        f"{name}: {panel['title']} {target['refId']}": target["expr"]
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    rules = {f"alert {rule['alert']}": THRESHOLD.sub("", rule["expr"]) for rule in alerts()}
    return panels | rules


class Prometheus:
    """A server's query API."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **query: str) -> dict:
        """Return the data of an API answer; a wrong query fails."""
        answer = httpx.get(f"{self.address}/api/v1/{path}", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def empty(self, asked: dict[str, str]) -> dict[str, str]:
        """Return those of the expressions that have no series with a number now."""
        found = {}
        for place, expr in asked.items():
            query = expr.replace("$__rate_interval", RATE_INTERVAL)
            series = self.get("query", query=query)["result"]
            if all(math.isnan(float(one["value"][1])) for one in series):
                found[place] = expr
        return found


@contextmanager
def scraping(site: str, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with the shipped configuration, the lab at `site` scraped each second."""
    program = needs("prometheus")
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs["lab"]["static_configs"] = [{"targets": [urlsplit(site).netloc]}]
    config["scrape_configs"] = [jobs["lab"]]  # the exporter of a GPU is found by DNS
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(MONITORING / "alerts.yml", folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={listen}",
            "--log.level=warn",
        ]
    )
    try:
        server, deadline_s = Prometheus(f"http://{listen}"), time.monotonic() + 60
        while not is_ready(server.address):
            assert process.poll() is None, "Prometheus has ended"
            assert time.monotonic() < deadline_s, "Prometheus is not ready after a minute"
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def is_ready(address: str) -> bool:
    """True once Prometheus answers queries."""
    try:
        return httpx.get(f"{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False
