"""What the OpenAI routes refuse, in OpenAI's form, under the names that the client wrote."""

import json
from collections.abc import Iterator

import httpx
import pytest
from openai import APIStatusError, OpenAI

from backend.api import MAX_BODY_BYTES
from tests.test_api import CALCULATOR, MESSAGES, MODEL, PROMPT

CHAT = {"model": MODEL, "messages": MESSAGES, "max_tokens": 4}
WRONG: list[tuple[dict, str]] = [
    *(({"temperature": value}, "temperature") for value in (-1, 101, "hot", True, float("nan"))),
    *(({"top_p": value}, "top_p") for value in (0, 2, [0.5])),
    *(({"seed": value}, "seed") for value in (-1, 2**32, 1.5)),
    *(({"max_tokens": value}, "max_tokens") for value in (0, 10**9, "8")),
    ({"max_completion_tokens": 10**9}, "max_completion_tokens"),
    ({"max_completion_tokens": 8, "max_tokens": 4}, "max_tokens"),
    *(({"n": value}, "n") for value in (0, 33, "2")),
    ({"n": 2, "temperature": 0}, "n"),
    *(({"stop": value}, "stop") for value in ("", ["x"] * 17, [1])),
    ({"logprobs": 1}, "logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 51}, "top_logprobs"),
    *(({"messages": value}, "messages") for value in ("x", [], [{"role": "boss", "content": "x"}])),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "messages[0].name"),
    (
        {"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]},
        "messages[0].tool_calls",
    ),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
    *(({name: 0.5}, name) for name in ("presence_penalty", "frequency_penalty")),
    ({"logit_bias": {"5": 1}}, "logit_bias"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"response_format": {"type": "json_schema"}}, "response_format"),
    ({"response_format": "json_schema"}, "response_format"),
    ({"tools": [CALCULATOR], "tool_choice": "required"}, "tool_choice"),
    ({"tools": [{"type": "function"}]}, "tools[0]"),
    ({"functions": []}, "functions"),
    ({"reasoning_effort": "low"}, "reasoning_effort"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"surprise": 1}, "surprise"),
]


@pytest.fixture(scope="module")
def raw(site: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{site}/v1", timeout=60) as client:
        yield client


@pytest.mark.parametrize(("values", "field"), WRONG, ids=str)
def test_wrong_values_are_refused_by_their_own_name(
    raw: httpx.Client, values: dict, field: str
) -> None:
    body = {**CHAT, **values}
    if "max_completion_tokens" in values and "max_tokens" not in values:
        del body["max_tokens"]
    for lang, said in (("en", "llowed"), ("ja", "使え")):
        answer = raw.post(
            "/chat/completions", content=json.dumps(body), headers={"Accept-Language": lang}
        )
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (400, field), error
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"
        assert field in error["message"]
        assert said in error["message"] or error["code"] == "openai_parameter"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"best_of": 2}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"logprobs": True}, "logprobs"),
    ],
    ids=str,
)
def test_what_a_completion_cannot_have(raw: httpx.Client, values: dict, field: str) -> None:
    answer = raw.post("/completions", json={"model": MODEL, "prompt": PROMPT, **values})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_a_number_past_every_float_is_refused(raw: httpx.Client) -> None:
    for field in ("temperature", "top_p", "seed", "max_tokens"):
        answer = raw.post("/chat/completions", json={**CHAT, field: 10**400})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


def test_what_is_no_request(raw: httpx.Client) -> None:
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        answer = raw.post("/chat/completions", content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "openai_json")
    answer = raw.post("/completions", content=b" " * (MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    for path in ("/embeddings", "/"):
        answer = raw.post(path, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_unknown")
    answer = raw.post("/chat/completions", content=json.dumps({**CHAT, "model": "\ud800"}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    deep = '{"messages": ' + "[" * 960 + "]" * 960 + "}"
    assert raw.post("/chat/completions", content=deep).status_code == 400
    spoiled = {**CALCULATOR, "function": {**CALCULATOR["function"], "description": "\ud800"}}
    body = json.dumps({**CHAT, "tools": [spoiled]})
    assert raw.post("/chat/completions", content=body).status_code == 200
    answer = raw.post("/chat/completions", json=CHAT, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_page")


def test_the_client_raises_what_the_lab_says(site: str) -> None:
    client = OpenAI(base_url=f"{site}/v1", api_key="none")
    with pytest.raises(APIStatusError, match=r"pocket-base") as caught:
        client.completions.create(model="no-such-model", prompt=PROMPT)
    assert caught.value.status_code == 404
    assert caught.value.param == "model"
