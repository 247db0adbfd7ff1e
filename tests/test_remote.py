"""A lab on another server: its faults one by one, what is refused, and who else answers."""

import contextlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI

from backend import api, remote, remote_loop
from backend.constraint import choice
from backend.errors import LabError
from backend.lab import Lab
from backend.settings import Settings
from backend.types import SamplingParams
from demo.endpoints import as_json
from demo.widgets.token_strip import strip_value
from demo.words import LANGS, words
from tests.conftest import serve
from tests.remote_server import MODEL, TEXT, Server, address, running
from tests.test_scheduler import endless, until

pytestmark = pytest.mark.slow

PROMPT = "Tell me a story about a dragon."
CHAT = [{"role": "user", "content": PROMPT}]
FAULTS = {
    "429": "remote_busy",
    "500": "remote_failed",
    "503": "remote_failed",
    "401": "remote_key",
    "404": "remote_cannot",
    "400": "remote_refused",
    "reset": "remote_broken",
    "no end": "remote_broken",
    "silence": "remote_silent",
    "page": "remote_garbage",
    "no json": "remote_garbage",
    "no event": "remote_garbage",
    "shape": "remote_format",
    "told": "remote_failed",
    "deep": "remote_garbage",
    "infinite": "remote_format",
    "odd retry": "remote_busy",
    "flood": "remote_failed",
}


@contextlib.contextmanager
def lab_on(url: str, **settings: object) -> Iterator[Lab]:
    lab = Lab(Settings(engine_url=url, **settings))  # type: ignore[arg-type]
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture
def theirs() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def other(lab: Lab) -> Iterator[Lab]:
    """A lab whose engine is the shared lab, over its routes."""
    app = FastAPI()
    app.include_router(api.router(lab))
    lab.engine.model()
    with serve(lab, app) as site, lab_on(f"{site}/v1") as other:
        yield other


def refused(lab: Lab, do: object = None, **fields: object) -> LabError:
    with pytest.raises(LabError) as raised:
        do() if callable(do) else lab.generate(PROMPT, **fields)  # type: ignore[arg-type]
    return raised.value


def outcomes(lab: Lab) -> dict[str, float]:
    """Return how many requests ended how."""
    text = lab.metrics_text()[0].decode()
    found = re.findall(r'llmlab_requests_total\{.*outcome="(\w+)".*\} (\S+)', text)
    return {name: float(count) for name, count in found}


def test_every_fault_has_its_own_message_and_the_lab_goes_on(
    theirs: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_loop, "SILENT_S", 1.0)
    with lab_on(address(theirs)) as lab:
        host = lab.settings.engine_host
        for fault, code in FAULTS.items():
            theirs.fault = fault
            error = refused(lab)
            assert error.code == code, fault
            for lang in LANGS:
                said = words(lang).error(error)
                assert words(lang).has(f"errors.{code}")
                assert host in said
                assert "?" not in said  # a value that is missing
                assert fault != "told" or "{" not in said  # their words, unwrapped
            theirs.fault = ""
            [made] = lab.generate(PROMPT)
            assert (made.text, made.finish_reason) == ("".join(TEXT), "stop"), fault
        assert lab.ready() == (True, "ready")
        assert lab.status().active_streams == 0
        assert outcomes(lab) == {"error": len(FAULTS), "ok": len(FAULTS)}


def test_what_came_before_a_fault_is_kept(theirs: Server) -> None:
    theirs.fault = "reset"
    with lab_on(address(theirs)) as lab:
        came: list[str] = []
        stream = (came.append(step.text) for step in lab.stream(PROMPT))
        with pytest.raises(LabError, match="broke off"):
            list(stream)
    assert "".join(came) == "".join(TEXT[:2])


def test_a_model_that_is_not_there(theirs: Server) -> None:
    with lab_on(address(theirs)) as lab:
        error = refused(lab, model="nobody/nothing")
        assert error.code == "remote_model"
        assert MODEL in words("ja").error(error)
        assert [lab.generate(PROMPT, model=name)[0].text for name in ("", "pocket-base")]
        assert {body["model"] for body in theirs.asked} == {MODEL}  # the page says so
    theirs.fault = "404"
    with lab_on(address(theirs), model="nobody/nothing") as lab:
        assert refused(lab).code == "remote_model"


def test_refused_and_back_without_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROBE_S", "PROBE_AGAIN_S"):
        monkeypatch.setattr(remote_loop, name, 0.05)
    monkeypatch.setattr(remote, "ANSWER_LIMIT_S", 0.3)
    with running() as server:
        port = server.server_port
    with lab_on(f"http://127.0.0.1:{port}/v1") as lab:
        assert refused(lab).code == "remote_unreachable"
        assert "cannot be reached" in lab.ready()[1]
        for _ in range(2):
            with running(port):
                assert until(lambda: lab.ready()[0])
                assert lab.generate(PROMPT)[0].text == "".join(TEXT)
            assert until(lambda: not lab.ready()[0])
            assert refused(lab).code == "remote_unreachable"


def test_who_leaves_hangs_up(theirs: Server) -> None:
    theirs.fault = "endless"
    with lab_on(address(theirs)) as lab:
        stream = lab.stream(PROMPT, SamplingParams(max_new_tokens=512))
        next(stream)
        stream.close()
        assert theirs.left.wait(10)
        assert until(lambda: lab.status().active_streams == 0)
        assert outcomes(lab) == {"cancelled": 1}


def test_an_option_that_is_refused_is_left_out_and_probabilities_may_be_missing(
    theirs: Server,
) -> None:
    theirs.fault = "no options"
    with lab_on(address(theirs)) as lab:
        assert lab.can("logprobs")  # as long as nobody knows better
        [made] = lab.generate(PROMPT)
        assert made.text == "".join(TEXT)
        assert lab.engine.capabilities == {"seed"}
    assert [("stream_options" in body) for body in theirs.asked] == [True, False]
    assert all(math.isnan(step.logprob) for step in made.steps)
    json.dumps(list(map(as_json, made.steps)), allow_nan=False)  # raises where it is no JSON
    tokens = str(strip_value(words("en"), steps=made.steps)["tokens"]).splitlines()
    assert [json.loads(token)["p"] for token in tokens] == [None] * len(TEXT)


def test_a_refusal_that_repeats_the_request_takes_nothing_from_the_next(theirs: Server) -> None:
    theirs.fault = "echo"
    with lab_on(address(theirs)) as lab:
        assert refused(lab, lambda: lab.generate("bad")).code == "remote_refused"
        lab.generate(PROMPT)
    assert {"logprobs", "stream_options"} <= set(theirs.asked[-1])


def test_a_text_that_no_json_can_hold_is_sent_without(theirs: Server) -> None:
    with lab_on(address(theirs)) as lab:
        assert lab.generate("dragon \ud800", SamplingParams(stop=("\ud800",)))
    assert theirs.asked[-1]["prompt"] == "dragon \ufffd"


@pytest.mark.parametrize("listed", ["[" * 100_000, '{"data": [{"id": 1, "max_model_len": 1e999}]}'])
def test_whatever_it_says_of_its_models_it_is_asked_again(
    theirs: Server, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_loop, "PROBE_AGAIN_S", 0.05)
    theirs.listed = listed
    with lab_on(address(theirs)) as lab:
        assert until(lambda: "/models" in lab.ready()[1])
        theirs.listed = ""
        assert until(lambda: lab.ready()[0])


def test_bodies_without_an_end_are_not_read_to_it(
    theirs: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_loop, "PROBE_TIMEOUT_S", 0.2)
    theirs.listed = "drip"
    with lab_on(address(theirs)) as lab:
        assert until(lambda: "/models" in lab.ready()[1])
        assert theirs.left.wait(10)
        theirs.left.clear()
        theirs.listed, theirs.fault = "", "flood"
        assert refused(lab).code == "remote_failed"
        assert theirs.left.wait(10)


def test_what_needs_the_model_or_the_server_does_not_take_is_refused_by_name(
    theirs: Server,
) -> None:
    with lab_on(address(theirs)) as lab:
        params = SamplingParams(do_sample=True)
        asks = {
            "tokens": lambda: lab.tokenize("a"),
            "load": lambda: lab.load_model("pocket-chat", "auto"),
            "jobs": lambda: lab.run(lambda loaded: iter(())),
            "constraint": lambda: lab.generate(PROMPT, constraint=choice(["a"])),
            "prefix_ids": lambda: lab.generate(PROMPT, prefix_ids=(1,)),
            "top_k": lambda: lab.generate(PROMPT, replace(params, top_k=5)),
            "min_p": lambda: lab.generate(PROMPT, replace(params, min_p=0.1)),
            "num_return_sequences": lambda: lab.generate(
                PROMPT, replace(params, num_return_sequences=2)
            ),
        }
        for field, ask in asks.items():
            error = refused(lab, ask)
            assert (error.code, error.values["field"]) == ("remote_cannot", field)
            for lang in LANGS:
                assert words(lang).has(f"fields.{field}")
        assert refused(lab, lambda: lab.estimate("", "auto")).code == "remote_cannot"


@pytest.mark.parametrize("prompt", [PROMPT, CHAT], ids=["text", "chat"])
@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(max_new_tokens=24),
        SamplingParams(do_sample=True, seed=7, num_return_sequences=3, max_new_tokens=24),
        SamplingParams(
            do_sample=True, seed=1, top_k=20, epsilon_cutoff=1e-3, stop=("a ",), max_new_tokens=24
        ),
    ],
    ids=["greedy", "three", "filters"],
)
def test_another_labs_records_are_its_own(
    lab: Lab, other: Lab, prompt: object, params: SamplingParams
) -> None:
    assert other.generate(prompt, params) == lab.generate(prompt, params)  # type: ignore[arg-type]
    assert set(other.engine.filters) == {"top_k", "min_p", "typical_p", "epsilon_cutoff"}


def test_a_lab_without_records_gives_its_log_probabilities(
    lab: Lab, other: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = other.engine._loop.server  # type: ignore[attr-defined]
    monkeypatch.setattr(server, "without", frozenset({"token_records"}))
    params = SamplingParams(do_sample=True, seed=7, max_new_tokens=24)
    [there], [here] = other.generate(PROMPT, params), lab.generate(PROMPT, params)
    assert there.text.strip() == here.text.strip()
    assert [s.logprob for s in there.steps] == [s.logprob for s in here.steps]
    assert {s.token_id for s in there.steps} <= set(range(-6, 0))
    assert all(len(s.alternatives) >= 5 and math.isnan(s.prob) for s in there.steps)


def test_leaving_frees_the_rows_on_the_other_lab(lab: Lab, other: Lab) -> None:
    stream = endless(other)
    assert lab.status().active_rows >= 1
    stream.close()
    assert until(lambda: lab.status().active_rows == 0)


def test_the_address_is_checked_and_may_lack_its_version() -> None:
    for given, url in {
        "http://gpu:8000": "http://gpu:8000/v1",
        "https://gpu/api/v2/": "https://gpu/api/v2",
        "http://gpu/vllm": "http://gpu/vllm/v1",
    }.items():
        found = Settings.from_env({"LAB_ENGINE_URL": given})
        assert (found.engine_url, found.engine_host) == (url, url.split("/")[2])
    for given in ("gpu:8000", "ftp://gpu", "http://", "http://gpu?x=1"):
        with pytest.raises(LabError, match="LAB_ENGINE_URL"):
            Settings.from_env({"LAB_ENGINE_URL": given})
    assert Settings(engine_url="http://me:secret@gpu:1/v1").engine_host == "gpu:1"
