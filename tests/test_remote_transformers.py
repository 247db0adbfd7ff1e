"""A lab on the real `transformers serve` with the pocket model."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import LabError
from backend.lab import Lab
from backend.settings import Settings
from backend.types import SamplingParams
from tests.conftest import WEIGHTS
from tests.test_scheduler import until

pytestmark = pytest.mark.slow
FOLDER = str(WEIGHTS / "chat")
PROMPT = "Tell me a story about a dragon."
CHAT = [{"role": "user", "content": PROMPT}]
GREEDY = SamplingParams(max_new_tokens=24)


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What LAB_ENGINE_URL is for it; its cache of models is an empty one."""
    hub: Path = tmp_path_factory.mktemp("hub")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [str(Path(sys.executable).parent / "transformers"), "serve", FOLDER]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    env = {"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([*program, *options], env=env)
    try:
        assert until(lambda: answers(f"http://127.0.0.1:{port}/health"), 120)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def test_its_text_is_the_models(served: str, lab: Lab) -> None:
    there = Lab(Settings(engine_url=served, model=FOLDER))
    try:
        for prompt in (PROMPT, CHAT):
            [made], [here] = there.generate(prompt, GREEDY), lab.generate(prompt, GREEDY)
            assert made.text.strip() == here.text.strip()
            assert made.finish_reason == here.finish_reason
        assert not there.can("logprobs")  # it takes the parameter, and gives none
        assert there.ready() == (True, "ready")
    finally:
        there.close()


def test_what_it_ignores_is_told(served: str) -> None:
    there = Lab(Settings(engine_url=served, model=FOLDER))
    several = SamplingParams(do_sample=True, num_return_sequences=2, max_new_tokens=4)
    try:
        with pytest.raises(LabError) as raised:
            there.generate(PROMPT, several)
        assert raised.value.values["field"] == "num_return_sequences"
    finally:
        there.close()


def test_a_model_that_it_does_not_have(served: str) -> None:
    there = Lab(Settings(engine_url=served, model="nobody/nothing"))
    try:
        with pytest.raises(LabError) as raised:
            there.generate(PROMPT, GREEDY)
        assert raised.value.code in ("remote_model", "remote_refused")
    finally:
        there.close()
