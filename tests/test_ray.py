"""Two replicas behind Ray's router, run for real. Only `make ray-test` has Ray."""

import functools
import importlib.util
import threading
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest
from gradio_client import Client
from openai import APIConnectionError, NotFoundError, OpenAI, Stream
from openai.types import Completion

from backend.lab import Lab
from backend.settings import Settings
from backend.token_records import step_of
from backend.types import SamplingParams
from tests.conftest import serve
from tests.test_parity import Case, reference

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: make ray-test"
    ),
]
PROMPT = "Tell me a story about a dragon."
PATIENCE_S = 180  # a replica that comes back on a busy machine
HOT = {"temperature": 100.0, "max_tokens": 500}  # so hot that the end token is never likely


@functools.cache
def promised(lab: Lab, seed: int, new_tokens: int = 500) -> str:
    """What plain transformers writes after `set_seed`."""
    params = SamplingParams(do_sample=True, temperature=100.0, seed=seed, max_new_tokens=new_tokens)
    loaded = lab.engine.model()
    [ids] = reference(loaded, Case(prompt=PROMPT, params=params))
    return str(loaded.tokenizer.decode(ids, skip_special_tokens=True))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a Ray of our own, on loopback, with two replicas."""
    from benchmarks.replicas import cluster, deploy

    with cluster() as found:
        deploy({"LAB_THREADS": "1", "LAB_MAX_NEW_TOKENS": "2000"}, replicas=2)
        yield found


@pytest.fixture(scope="module")
def site(address: str) -> Iterator[str]:
    """The address of a page whose model is behind Ray."""
    front = Lab(Settings(engine_url=f"{address}/v1"))
    with serve(front) as found:
        until(lambda: httpx.get(f"{found}/readyz").status_code == 200)
        yield found
    front.close()


@pytest.fixture
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def replicas() -> list[psutil.Process]:
    """The replicas that run below this process."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if process.name().startswith("ray::ServeRepl")]


class Reader(threading.Thread):
    """Reads one seeded stream to its end, or to what ends it."""

    def __init__(self, client: OpenAI, seed: int) -> None:
        super().__init__(daemon=True)
        self.seed, self.text, self.chunks = seed, "", 0
        self.fault: Exception | None = None
        self.stream: Stream[Completion] = client.completions.create(
            model="pocket-chat", prompt=PROMPT, seed=seed, stream=True, **HOT
        )
        self.start()

    def run(self) -> None:
        try:
            for chunk in self.stream:
                self.text += chunk.choices[0].text
                self.chunks += 1
        except Exception as error:
            self.fault = error


def until(holds: object, timeout_s: float = PATIENCE_S) -> None:
    """Wait until `holds()` is true."""
    end_s = time.monotonic() + timeout_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.05)


def test_seeds_give_the_promised_texts_and_both_replicas_write(client: OpenAI, lab: Lab) -> None:
    readers = [Reader(client, seed) for seed in range(8)]
    began = {process.pid: process.cpu_times().user for process in replicas()}
    for reader in readers:
        reader.join(PATIENCE_S)
    for reader in readers:
        assert reader.fault is None
        assert reader.chunks > 3
        assert reader.text.removeprefix(" ") == promised(lab, reader.seed)
    assert len(began) == 2
    assert all(p.cpu_times().user > began[p.pid] for p in replicas())


def test_records_and_logprobs_come_through(client: OpenAI, lab: Lab) -> None:
    params = SamplingParams(do_sample=True, top_p=0.9, seed=3, max_new_tokens=30)
    [want] = lab.generate([{"role": "user", "content": PROMPT}], params)
    asked = {
        "model": "pocket-chat",
        "messages": [{"role": "user", "content": PROMPT}],
        "top_p": 0.9,
        "seed": 3,
        "max_tokens": 30,
    }
    chunks = client.chat.completions.create(**asked, stream=True, extra_body={"token_records": 5})
    records = [r for c in chunks for r in getattr(c.choices[0], "token_records", ())]
    assert [step_of(record, 0) for record in records] == list(want.steps)
    whole = client.chat.completions.create(**asked, logprobs=True, top_logprobs=5)
    found = whole.choices[0].logprobs.content
    assert [one.logprob for one in found] == [step.logprob for step in want.steps]
    assert [len(one.top_logprobs) for one in found] == [5] * len(want.steps)


def test_errors_keep_their_form(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.completions.create(model="no-such-model", prompt=PROMPT)
    assert caught.value.code == "model_not_found"


def test_who_leaves_frees_the_rows_of_a_replica(address: str) -> None:
    def used_s() -> float:
        return sum(process.cpu_times().user for process in replicas())

    body = {"prompt": PROMPT, "n": 16, "max_tokens": 2000, "temperature": 100, "stream": True}
    with httpx.stream("POST", f"{address}/v1/completions", json=body, timeout=60) as response:
        lines = response.iter_lines()
        for _ in range(20):
            next(lines)

    def idle() -> bool:
        before_s = used_s()
        time.sleep(1)
        return used_s() - before_s < 0.1

    until(idle, 5)  # the 32,000 tokens would take longer


def test_a_replica_killed_in_mid_stream_costs_only_its_own_streams(
    client: OpenAI, lab: Lab
) -> None:
    readers = [Reader(client, seed) for seed in range(8)]
    until(lambda: all(reader.chunks for reader in readers))
    victim = replicas()[0]
    victim.kill()
    for reader in readers:
        reader.join(PATIENCE_S)
    broken = [reader for reader in readers if reader.fault]
    assert 0 < len(broken) < len(readers)
    for reader in readers:
        want = promised(lab, reader.seed)
        if reader.fault is None:
            assert reader.text.removeprefix(" ") == want
        else:  # it is told, and what it has is the beginning of the promised text
            assert isinstance(reader.fault, APIConnectionError)
            assert want.startswith(reader.text.removeprefix(" ").rstrip("\ufffd"))
    again = Reader(client, broken[0].seed)  # the other replica is there
    again.join(PATIENCE_S)
    assert again.text.removeprefix(" ") == promised(lab, broken[0].seed)
    until(lambda: len(replicas()) == 2 and victim not in replicas())


@pytest.mark.parametrize("kills", [1, 2])
def test_runs_on_the_page_go_on_where_a_killed_replica_left_them(
    site: str, lab: Lab, kills: int
) -> None:
    page = Client(site, verbose=False)
    asked = {"prompt": PROMPT, "do_sample": True, "temperature": 100.0, "max_new_tokens": 500}
    runs = [page.submit(**asked, seed=seed, api_name="/complete") for seed in range(6)]
    until(lambda: all(run.outputs() for run in runs))
    victims = replicas()[:kills]
    for victim in victims:
        victim.kill()
    for seed, run in enumerate(runs):
        fault = run.exception(PATIENCE_S)
        if fault is None:
            assert run.result().removeprefix(" ") == promised(lab, seed)
        else:  # no replica has come back within the page's minute of silence
            assert kills == 2
            assert "has said nothing for 60 s" in str(fault)
    until(lambda: len(replicas()) == 2 and not set(victims) & set(replicas()))
    asked["max_new_tokens"] = 40
    text = page.predict(**asked, seed=1, api_name="/complete")
    assert text.removeprefix(" ") == promised(lab, 1, 40)
    assert httpx.get(f"{site}/readyz").status_code == 200
