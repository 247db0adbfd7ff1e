"""Prometheus' configuration, alerts and dashboards; live, against a lab under a mixed load."""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from backend.agent import lanes
from backend.lab import Lab
from backend.settings import Settings
from backend.tools import toolbox
from backend.types import SamplingParams
from tests.conftest import serve
from tests.prometheus import (
    MONITORING,
    Prometheus,
    alerts,
    dashboards,
    expressions,
    needs,
    scraping,
)
from tests.test_metrics import DESIGN

LONGEST_S = 120.0
STORY = "Tell me a story about a dragon."
NAME = re.compile(r"\bllmlab_\w+")
PANELS = {"timeseries", "stat", "bargauge", "table"}


def lost(given: object, kept: object, place: str = "") -> Iterator[str]:
    """Yield where `kept`, a reading of `given` by Grafana's schema, lacks or changes something."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, one in given.items():
            yield from lost(one, kept.get(key, KeyError), f"{place}/{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for n, (one, other) in enumerate(zip(given, kept)):
            yield from lost(one, other, f"{place}/{n}")
    elif given != kept:
        yield place


def read(dashboard: dict) -> dict:
    """Return a dashboard as Grafana's own types write it again: what they don't know is gone."""
    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


def test_dashboards_are_of_grafanas_schema() -> None:
    for name, dashboard in dashboards().items():
        assert not list(lost(dashboard, read(dashboard))), name
        assert dashboard["uid"] == name
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))
        for panel in dashboard["panels"]:
            assert panel["type"] in PANELS
            assert panel["description"], panel["title"]
            places = [panel["datasource"], *(t["datasource"] for t in panel["targets"])]
            assert {place["uid"] for place in places} == {"prometheus"}  # as provisioned


def test_each_device_is_a_stack_of_its_own() -> None:
    """A GPU host has two: the process's own memory would lie on top of the card's."""
    for panel in dashboards()["memory"]["panels"]:
        if "stacking" in panel["fieldConfig"]["defaults"].get("custom", {}):
            first = panel["fieldConfig"]["overrides"][0]  # whoever comes after may say otherwise
            assert first["matcher"] == {"id": "byRegexp", "options": "^cuda.*"}, panel["title"]
            assert first["properties"][0]["value"] == {"mode": "normal", "group": "cuda"}
            assert all(
                target["legendFormat"].startswith("{{device}} ") for target in panel["targets"]
            )


def test_a_wrong_field_is_seen() -> None:
    dashboard = dashboards()["memory"]
    dashboard["panels"][0]["fieldConfig"]["defaults"]["custom"]["stackng"] = {}
    dashboard["panels"][0]["targets"][0]["legend"] = "x"
    places = {place.rpartition("/")[2] for place in lost(dashboard, read(dashboard))}
    assert places == {"stackng", "legend"}


def test_every_metric_is_asked_for_and_none_that_is_not_there() -> None:
    """Of the design's metrics all but two are drawn; engine_announced and queue_limit are ours."""
    asked = {name for expr in expressions().values() for name in NAME.findall(expr)}
    families = {re.sub(r"_(bucket|sum|count)$", "", name).removeprefix("llmlab_") for name in asked}
    assert families == set(DESIGN) | {"engine_announced", "queue_limit"}


def test_every_alert_says_what_to_do() -> None:
    tested = (MONITORING / "alerts_test.yml").read_text("utf-8")
    for rule in alerts():
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert re.search(rf"alertname: {rule['alert']}\n\s+exp_alerts", tested), rule["alert"]


@pytest.mark.parametrize(
    "command", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")]
)
def test_promtool_finds_nothing_wrong(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [needs("promtool"), *command], cwd=MONITORING, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def load(lab: Lab, site: str, client: Client) -> None:
    """A round of what a class does: chat, samples, a refusal, leaving, a load, tabs, a tool."""
    body = {"messages": [{"role": "user", "content": STORY}], "max_tokens": 30}
    assert httpx.post(f"{site}/v1/chat/completions", json=body, timeout=60).status_code == 200
    wrong = {**body, "max_tokens": 10**9}
    assert httpx.post(f"{site}/v1/chat/completions", json=wrong, timeout=60).status_code == 400
    client.predict(STORY, max_new_tokens=20, api_name="/sample")
    leaving = {"prompt": STORY, "max_tokens": 500, "temperature": 1.0, "stream": True}
    with httpx.stream("POST", f"{site}/v1/completions", json=leaving, timeout=60) as answer:
        next(answer.iter_bytes())
    client.predict("pocket-base", "fp32", api_name="/load_model")
    client.predict("pocket-chat", "fp32", api_name="/load_model")
    # the journeys through the tabs hold that the page counts these two
    lab.saw_tab("chat", "ja")
    lab.exercise("chat-1", True)
    asyncio.run(ask_agent(lab))


async def ask_agent(lab: Lab) -> None:
    """Let the model call a tool."""
    from datetime import UTC

    tools = toolbox(find=lambda query: [], zone=UTC)
    params = SamplingParams(max_new_tokens=80)
    async for _ in lanes(lab, "What is 17 times 23?", tools, params, most_steps=2):
        pass


@pytest.mark.slow
def test_every_expression_has_a_result(tmp_path: Path) -> None:
    """And would have none under another name: so a renamed metric fails here."""
    needs("prometheus")
    lab, asked = Lab(Settings(threads=1)), expressions()
    try:
        with serve(lab) as site, scraping(site, tmp_path) as server:
            lab.engine.model()  # type: ignore[attr-defined]
            client, began_s = Client(site, verbose=False), time.monotonic()
            empty = asked
            while empty and time.monotonic() < began_s + LONGEST_S:
                load(lab, site, client)
                empty = server.empty(asked)
            assert not empty
            assert all(
                rule["health"] == "ok"
                for group in server.get("rules")["groups"]
                for rule in group["rules"]
            )
            renamed_is_missed(server, asked)
    finally:
        lab.close()


def renamed_is_missed(server: Prometheus, asked: dict[str, str]) -> None:
    """Every expression with a metric that has another name comes back empty."""
    for name in sorted({name for expr in asked.values() for name in NAME.findall(expr)}):
        users = {place: expr for place, expr in asked.items() if name in NAME.findall(expr)}
        renamed = {p: re.sub(rf"\b{name}\b", f"{name}_renamed", e) for p, e in users.items()}
        assert server.empty(renamed) == renamed, name
