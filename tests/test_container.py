"""The whole as containers: built, up, used, watched, restarted, stopped in mid-stream, down.

`make container-test`; apart from the other tests, since it needs an engine and minutes. Grafana's
image comes from a registry and is left out here. The tests depend on their order.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from demo.words import words
from tests import container
from tests.browser import LAPTOP, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import ROOT
from tests.container import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("LAB_CONTAINER_TEST") != "1", reason="needs an engine: make container-test"
    ),
]
FETCH = "import urllib.request as r; print(r.urlopen({!r}).read().decode())"
PROJECT = "lab-container-test"
SERIES = (
    *("llmlab_requests_total", "llmlab_tokens_total", "llmlab_time_to_first_token_seconds_count"),
    *("llmlab_engine_up", "llmlab_people", "llmlab_memory_bytes", "llmlab_tab_views_total"),
)
STORY = "[INST] Tell me a story about a dragon. [/INST]"
ASKED = {"model": "pocket-chat", "prompt": STORY, "max_tokens": 64}
LONG = {**ASKED, "max_tokens": 1900, "n": 16, "temperature": 100.0, "seed": 1, "stream": True}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def compose(*command: str) -> str:
    return run("docker", "compose", *command, cwd=ROOT)


def until(wanted: Any, seconds: float = 60) -> None:
    """Wait for a condition, or fail."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def build() -> Iterator[None]:
    """An engine, and in the environment what a build takes."""
    with container.engine():
        began = time.monotonic()
        os.environ["BASE_IMAGE"] = container.base_image()
        print(f"\nbase image in {time.monotonic() - began:.0f} s")
        container.prometheus_image()
        with container.wheels() as pip:
            os.environ.update(pip)
            yield


def make_up() -> str:
    began = time.monotonic()
    said = run("make", "up", cwd=ROOT)
    print(f"\nbuilt where needed and up in {time.monotonic() - began:.0f} s")
    return said


@pytest.fixture(scope="module")
def up(build: None) -> Iterator[str]:
    """The stack as `make up` brings it; the lab's address."""
    os.environ.update(
        COMPOSE_PROJECT_NAME=PROJECT,
        COMPOSE_FILE="compose.yaml:tests/container.compose.yaml",
        UP_TIMEOUT_S="180",
        LAB_MAX_NEW_TOKENS="1900",  # so that a stop comes in mid-stream
        LAB_PORT=str(free_port()),
    )
    assert not (ROOT / ".env").exists(), "the test is one of a checkout without settings"
    compose("down", "--volumes", "--remove-orphans")
    said = make_up()
    site = f"http://127.0.0.1:{os.environ['LAB_PORT']}"
    assert f"{site}/teacher" in said
    yield site
    compose("down", "--volumes", "--remove-orphans")


def inspect(service: str) -> dict[str, Any]:
    [found] = json.loads(run("docker", "inspect", compose("ps", "--all", "-q", service).strip()))
    return dict(found)


def inside(code: str, service: str = "lab") -> str:
    """Run Python in a container of the stack."""
    return compose("exec", "-T", service, "python", "-c", code)


def ask(expression: str) -> list[dict[str, Any]]:
    """Ask Prometheus, from the lab's container: it has no port of its own."""
    url = f"http://prometheus:9090/api/v1/query?{httpx.QueryParams(query=expression)}"
    return list(json.loads(inside(FETCH.format(url)))["data"]["result"])


def test_all_are_healthy_and_only_the_lab_is_reached(up: str) -> None:
    assert httpx.get(f"{up}/readyz").json()["ready"]
    lab, prometheus = inspect("lab"), inspect("prometheus")
    assert lab["State"]["Health"]["Status"] == prometheus["State"]["Health"]["Status"] == "healthy"
    assert inspect("prepare")["State"]["ExitCode"] == 0
    [[binding]] = [ports for ports in lab["NetworkSettings"]["Ports"].values() if ports]
    assert (binding["HostIp"], binding["HostPort"]) == ("127.0.0.1", os.environ["LAB_PORT"])
    assert not any(prometheus["NetworkSettings"]["Ports"].values())


def test_the_lab_has_no_rights(up: str) -> None:
    status = dict(
        line.split(":\t") for line in inside("print(open('/proc/self/status').read())").splitlines()
        if ":\t" in line
    )  # fmt: skip
    assert status["Uid"].split()[0] == "1000"
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    with pytest.raises(AssertionError, match="Read-only file system"):
        inside("open('/lab/new', 'w')")


def test_a_learner_sees_a_story(up: str, chromium: Browser) -> None:  # noqa: F811
    says = words("ja")
    with visit(chromium, up, lang="ja", size=LAPTOP, tab="generate") as page:
        page.locator("#generate-go").click()
        strip = page.locator("#generate-strip button.t")
        expect(strip.nth(20)).to_be_visible(timeout=60_000)
        expect(page.locator("#generate-status")).to_contain_text(
            says("reason.stop"), timeout=60_000
        )


def test_the_teachers_key_is_made_and_opens_the_teachers_page(up: str) -> None:
    key = inside("print(open('/run/lab/teacher_key').read())").strip()
    assert len(key) > 20
    with httpx.Client(base_url=up, follow_redirects=True) as client:
        assert client.post("/teacher", data={"key": "admin"}).status_code == 403
        assert client.post("/teacher", data={"key": key}).status_code == 200
    with pytest.raises(AssertionError, match="Permission denied"):
        inside("open('/run/lab/grafana_password')")


def test_the_figures_arrive_in_prometheus(up: str) -> None:
    for name in SERIES:
        until(lambda name=name: ask(f"sum({name}) > 0"))
    [target] = ask('up{job="lab"}')
    assert target["value"][1] == "1"
    rules = json.loads(inside(FETCH.format("http://prometheus:9090/api/v1/rules")))
    assert [rule["name"] for group in rules["data"]["groups"] for rule in group["rules"]]


def test_what_was_kept_is_there_after_down_and_up(up: str) -> None:
    inside("open('/cache/hub/kept', 'w').write('kept')")
    key = inside("print(open('/run/lab/teacher_key').read())")
    counted = float(ask("sum(llmlab_tokens_total)")[0]["value"][1])
    run("make", "down", cwd=ROOT)
    assert not compose("ps", "--all", "-q").strip()
    make_up()
    assert inside("print(open('/run/lab/teacher_key').read())") == key
    assert inside("print(open('/cache/hub/kept').read())").strip() == "kept"
    [before] = ask("max_over_time(sum(llmlab_tokens_total)[10m:5s])")
    assert float(before["value"][1]) >= counted > 0


def test_a_stop_in_mid_stream_is_clean(up: str) -> None:
    until(lambda: httpx.get(f"{up}/readyz").status_code == 200)
    lines, how = list[str](), "ended"
    with httpx.stream("POST", f"{up}/v1/completions", json=LONG, timeout=60) as answer:
        try:
            for line in answer.iter_lines():
                lines += [line] * bool(line)
                if len(lines) == 5 and not line:
                    began = time.monotonic()
                    stopping = subprocess.Popen(["docker", "compose", "stop", "lab"], cwd=ROOT)
        except httpx.RemoteProtocolError:
            how = "cut"
    assert stopping.wait(30) == 0
    print(
        f"\nstopped in {time.monotonic() - began:.1f} s, a stream of {len(lines)} events was {how}"
    )
    assert "data: [DONE]" not in lines, "it was over before the stop"
    state = inspect("lab")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_what_is_published_needs_a_password(up: str) -> None:
    for variable in ("LAB_HOST=0.0.0.0", "LAB_SHARE=1"):
        done = subprocess.run(
            ["docker", "compose", "run", "--rm", "-T", "-e", variable, "prepare"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 2
        assert f"{variable} serves other machines" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
def test_a_folder_of_the_host_is_written_as_its_owner(up: str, tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    os.chown(tmp_path, 1234, 1234)

    def service(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["docker", "compose", "run", "--rm", "-T", "--no-deps", *command],
            cwd=ROOT, env={**os.environ, "LAB_CACHE": str(tmp_path), **env},
            capture_output=True, text=True,
        )  # fmt: skip

    refused = service("prepare")
    assert refused.returncode == 2
    assert "LAB_UID=1234" in refused.stderr
    owner = {"LAB_UID": "1234", "LAB_GID": "1234"}
    assert service("prepare", **owner).returncode == 0
    written = service("lab", "python", "-c", "open('/cache/hub/new', 'w')", **owner)
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "hub" / "new").stat().st_uid == 1234


def test_it_needs_no_network(up: str) -> None:
    code = (
        "from backend.lab import Lab; from backend.settings import Settings;"
        "from backend.types import SamplingParams;"
        f"[said] = Lab(Settings()).generate({STORY!r}, SamplingParams()); print(len(said.steps))"
    )
    said = run(
        *("docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
        *("llm-tutorial-lab", "python", "-c", code),
    )
    assert int(said.split()[-1]) > 20


def test_a_space_starts_as_spaces_start_it(up: str, tmp_path: Path) -> None:
    run("deploy/space.sh", tmp_path, cwd=ROOT)
    front = (tmp_path / "README.md").read_text("utf-8").split("---")[1]
    assert "sdk: docker" in front
    assert "app_port: 7860" in front
    arguments = [
        f"--build-arg={name}={os.environ[name]}"
        for name in ("BASE_IMAGE", "PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST")
    ]
    run("docker", "build", "--tag", "lab-test-space", *arguments, tmp_path)
    port = free_port()
    name = run(
        *("docker", "run", "--detach", "--user", "1000", "--publish", f"127.0.0.1:{port}:7860"),
        *("--env", "SYSTEM=spaces", "--env", "SPACE_ID=class/lab", "lab-test-space"),
    ).strip()
    try:
        site = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return httpx.get(f"{site}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        until(ready)
        answer = httpx.post(f"{site}/v1/completions", json=ASKED, timeout=60)
        assert answer.json()["choices"][0]["text"]
        assert "LAB_NO_AUTH=1" in run("docker", "logs", name)
        run("docker", "stop", "--time", "15", name)
        assert run("docker", "inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"
    finally:
        run("docker", "rm", "--force", name)


def test_the_image_is_what_the_docs_say(up: str) -> None:
    base, image = (
        int(run("docker", "image", "inspect", "--format", "{{.Size}}", name))
        for name in (os.environ["BASE_IMAGE"], "llm-tutorial-lab")
    )
    print(f"\nimage {image / 1e9:.2f} GB, of it the base {base / 1e9:.2f} GB")
    assert image < 2.5e9
