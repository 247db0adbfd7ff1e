"""The endpoints of DESIGN 4.4 with gradio_client, and wrong values through the raw wire."""

import inspect
import itertools
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from backend.lab import Lab
from backend.memory import estimate
from backend.types import SamplingParams

PROMPT = "Tell me a story about a dragon."
SAMPLING = [
    "do_sample",
    "temperature",
    "top_p",
    "top_k",
    "epsilon_cutoff",
    "max_new_tokens",
    "seed",
]


@pytest.fixture(scope="module")
def client(site: str) -> Iterator[Client]:
    return Client(site + "/", verbose=False)


@pytest.fixture(scope="module")
def client_ja(site: str) -> Iterator[Client]:
    return Client(site + "/ja/", verbose=False)


def raw(site: str, endpoint: str, data: list[object]) -> str:
    """Send any JSON, as a client of our own would; return the last event's text."""
    body = json.dumps({"data": data}).encode()
    headers = {"Content-Type": "application/json"}
    call = urllib.request.Request(f"{site}/gradio_api/call/{endpoint}", body, headers)
    with urllib.request.urlopen(call, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    address = f"{site}/gradio_api/call/{endpoint}/{event}"
    with urllib.request.urlopen(address, timeout=60) as stream:
        return stream.read().decode()


def test_the_public_names_and_parameters_are_the_contract(client: Client) -> None:
    info: dict[str, Any] = client.view_api(return_format="dict", print_info=False)  # type: ignore[assignment]
    named = info["named_endpoints"]
    assert set(named) == {
        "/tokenize",
        "/complete",
        "/tokens",
        "/chat",
        "/sample",
        "/self_bleu",
        "/distribution",
        "/estimate_memory",
        "/retrieve",
        "/ask",
        "/load_model",
    }
    names = {k: [p["parameter_name"] for p in v["parameters"]] for k, v in named.items()}
    assert names["/tokenize"] == ["text", "model"]
    assert names["/complete"] == names["/tokens"] == ["prompt", "model", *SAMPLING]
    assert names["/chat"] == ["message", "history", "system", *SAMPLING]
    assert names["/retrieve"] == ["query", "source"]
    assert names["/ask"] == ["question", "source", *SAMPLING]
    assert names["/load_model"] == ["model", "precision"]
    assert names["/estimate_memory"] == ["model", "precision", "context", "sequences"]
    defaults = {n: p.default for n, p in inspect.signature(SamplingParams).parameters.items()}
    for parameter in named["/complete"]["parameters"][2:]:
        assert parameter["parameter_has_default"]
        assert parameter["parameter_default"] == defaults[parameter["parameter_name"]]


def test_tokenize(client: Client, lab: Lab) -> None:
    records = client.predict(PROMPT, api_name="/tokenize")
    assert [r["id"] for r in records] == [r.id for r in lab.tokenize(PROMPT)]
    assert set(records[0]) == {"id", "token", "text", "bytes"}


def test_complete_streams_what_generate_gives(client: Client, lab: Lab) -> None:
    job = client.submit(
        PROMPT, do_sample=True, temperature=0.8, top_p=0.9, seed=7, api_name="/complete"
    )
    parts = list(job)
    params = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7)
    assert parts[-1] == lab.generate(PROMPT, params)[0].text
    assert len(parts) > 1
    assert all(b.startswith(a) for a, b in itertools.pairwise(parts))


def test_tokens_are_the_records(client: Client, lab: Lab) -> None:
    records = client.predict(PROMPT, max_new_tokens=5, api_name="/tokens")
    [want] = lab.generate(PROMPT, SamplingParams(max_new_tokens=5))
    assert [r["token_id"] for r in records] == [s.token_id for s in want.steps]
    assert len(records[0]["alternatives"]) == 5
    assert records[-1]["finish_reason"] == "length"


def test_chat_takes_text_and_blocks(client: Client, lab: Lab) -> None:
    before = [
        {"role": "user", "content": [{"type": "text", "text": "Hello."}]},
        {"role": "assistant", "content": "Hello. How can I help you?"},
    ]
    reply = client.predict("1+1=?", before, "You are kind.", api_name="/chat")
    messages = [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Hello."},
        before[1],
        {"role": "user", "content": "1+1=?"},
    ]
    assert reply == lab.generate(messages)[0].text.strip()  # type: ignore[arg-type]


def test_load_model_measures(client: Client) -> None:
    info = client.predict("pocket-chat", "fp32", api_name="/load_model")
    assert info["weights_bytes"] > 4 * info["parameters"] * 0.9
    assert info["load_s"] > 0


def test_estimate_memory_is_the_backends(client: Client, client_ja: Client) -> None:
    llama = "meta-llama/Llama-2-7b-hf"
    found = client.predict(llama, "nf4-dq", 4096, 2, api_name="/estimate_memory")
    want = estimate(llama, "nf4-dq", context=4096, sequences=2)
    assert found["kv_cache_bytes"] == want.kv_cache_bytes
    assert found["peak_bytes"] == want.peak_bytes
    mine = client.predict("", api_name="/estimate_memory")
    assert mine["weights_bytes"] == estimate("pocket-chat", "fp32").weights_bytes
    with pytest.raises(AppError, match=r"[Cc]ontext"):
        client.predict(llama, "fp16", -1, api_name="/estimate_memory")
    with pytest.raises(AppError, match="使える"):
        client_ja.predict("no/such", api_name="/estimate_memory")


COMPLETE = [PROMPT, "", True, 1.0, 1.0, 0, 0.0, 8, 7]
WRONG = [
    (0, "", "prompt"),
    (0, "dragon " * 2100, "prompt"),
    (0, "x" * 10_000_000, "prompt"),
    (0, None, "prompt"),
    (0, {"a": 1}, "prompt"),
    (1, "no-such-model", "model"),
    (1, "/etc/passwd", "model"),
    (1, 7, "model"),
    (2, "yes", "do_sample"),
    (3, 0, "temperature"),
    (3, -1, "temperature"),
    (3, "hot", "temperature"),
    (3, None, "temperature"),
    (4, 0, "top_p"),
    (4, 2, "top_p"),
    (4, [0.5], "top_p"),
    (5, -1, "top_k"),
    (5, 2.5, "top_k"),
    (6, 1, "epsilon_cutoff"),
    (7, 10**9, "max_new_tokens"),
    (7, 0, "max_new_tokens"),
    (8, -1, "seed"),
    (8, 2**32, "seed"),
    (8, True, "seed"),
]


@pytest.mark.parametrize(("at", "value", "field"), WRONG)
def test_wrong_values_are_told_by_name_and_the_next_request_works(
    site: str, at: int, value: object, field: str
) -> None:
    data = list(COMPLETE)
    data[at] = value
    for root, allowed in ((site, "llowed"), (site + "/ja", "使える")):
        answer = raw(root, "complete", data)
        assert "event: error" in answer
        message = json.loads(answer.split("data: ")[-1])["error"]
        assert field in message
        assert allowed in message
        assert "upstream" not in message
    assert "event: complete" in raw(site, "complete", COMPLETE)


def test_nan_is_refused(site: str) -> None:
    data = list(COMPLETE)
    data[3] = float("nan")
    assert "temperature" in raw(site, "complete", data)


def test_wrong_precision_history_and_message(client: Client, client_ja: Client) -> None:
    with pytest.raises(AppError, match="precision"):
        client.predict("pocket-chat", "int5", api_name="/load_model")
    with pytest.raises(AppError, match="精度"):
        client_ja.predict("pocket-chat", "int5", api_name="/load_model")
    for history in ("x", [1], [{"role": "user"}], [{"role": "boss", "content": "x"}]):
        with pytest.raises(AppError, match=r"prompt|History"):
            client.predict("Hello.", history, api_name="/chat")


def test_distribution_is_one_table_per_stage(client: Client, site: str) -> None:
    from backend.sampling import stages
    from demo.ten_words import TEN_WORDS

    found = client.predict(dict(TEN_WORDS), top_k=5, top_p=0.8, api_name="/distribution")
    want = stages(TEN_WORDS, SamplingParams(do_sample=True, top_k=5, top_p=0.8))
    assert [stage["name"] for stage in found] == [stage.name for stage in want]
    assert found[-1]["probabilities"] == pytest.approx(dict(want[-1].probabilities))
    assert sum(p > 0 for p in found[-1]["probabilities"].values()) == 4  # errata 16
    for words in ({"a": 0.5}, {"a": "x"}, {}, 3):
        answer = raw(site, "distribution", [words, 1.0, 0, 1.0, 0.0])
        assert "event: error" in answer
        assert "probabilities" in answer
    assert "top_p" in raw(site, "distribution", [dict(TEN_WORDS), 1.0, 0, 2.0, 0.0])
