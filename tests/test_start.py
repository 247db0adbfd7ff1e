"""python -m demo: wrong settings end in one line; the page comes before torch."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest


def run(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"LAB_PORT": "x"}, "LAB_PORT=x"),
        ({"LAB_PRECISION": "int5"}, "nf4-dq"),
        ({"LAB_HOST": "0.0.0.0"}, "LAB_AUTH_FILE"),
        ({"LAB_HOST": "192.0.2.1"}, "LAB_AUTH_FILE"),
        ({"LAB_HOST": "192.0.2.1", "LAB_NO_AUTH": "1"}, "cannot be used"),
    ],
)
def test_a_wrong_setting_is_one_line(env: dict[str, str], says: str) -> None:
    done = run(**env)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_it_serves_and_ends_on_sigterm() -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "demo"],
        env={**os.environ, "LAB_PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    address = process.stdout.readline().split()[-1]
    with urllib.request.urlopen(address + "livez", timeout=120) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(address, timeout=120) as answer:
        assert b"LLM Tutorial Lab" in answer.read()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
