"""/sample and /self_bleu with gradio_client, against the backend."""

import statistics
from collections.abc import Iterator

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from backend.diversity import self_bleu
from backend.lab import Lab
from backend.types import SamplingParams

PROMPT = "Tell me a story about a dragon."
TEXTS = ["the dragon flew over the castle", "the dragon slept in the castle", "a cat"]


@pytest.fixture(scope="module")
def client(site: str) -> Iterator[Client]:
    return Client(site + "/", verbose=False)


@pytest.fixture(scope="module")
def client_ja(site: str) -> Iterator[Client]:
    return Client(site + "/ja/", verbose=False)


def test_the_parameters_are_the_contract(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]  # type: ignore[index]
    sample = {p["parameter_name"]: p for p in named["/sample"]["parameters"]}
    complete = [p["parameter_name"] for p in named["/complete"]["parameters"]]
    assert list(sample) == [*complete, "num_return_sequences"]
    assert sample["do_sample"]["parameter_default"] is True
    assert sample["num_return_sequences"]["parameter_default"] == 3
    names = [p["parameter_name"] for p in named["/self_bleu"]["parameters"]]
    assert names == ["texts", "references", "tokenize"]


def test_sample_is_generate_measured(client: Client, lab: Lab) -> None:
    found = client.predict(
        PROMPT, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=30, api_name="/sample"
    )
    params = SamplingParams(
        do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=30,
        num_return_sequences=3,
    )  # fmt: skip
    texts = [g.text for g in lab.generate(PROMPT, params)]
    assert found["texts"] == texts
    new, kept = [t.strip() for t in texts], [(PROMPT + t).strip() for t in texts]
    mean = statistics.fmean
    assert found["self_bleu_all"] == pytest.approx(mean(self_bleu(new)))
    assert found["self_bleu_first"] == pytest.approx(mean(self_bleu(new, references="first")))
    assert found["self_bleu_all_with_prompt"] == pytest.approx(mean(self_bleu(kept)))
    assert found["n"] == 3
    assert found["mean_logprob"] < 0
    assert {"distinct_1", "distinct_2", "duplicates", "compression_ratio"} <= set(found)


def test_self_bleu_of_given_texts(client: Client) -> None:
    found = client.predict(TEXTS, api_name="/self_bleu")
    assert found["scores"] == pytest.approx(self_bleu(TEXTS))
    assert found["mean"] == pytest.approx(statistics.fmean(self_bleu(TEXTS)))
    assert (found["tokenize"], found["n"]) == ("13a", 3)
    first = client.predict(TEXTS, "first", "char", api_name="/self_bleu")
    assert first["scores"] == pytest.approx(self_bleu(TEXTS, references="first", tokenize="char"))
    assert first["tokenize"] == "char"


@pytest.mark.parametrize(
    ("endpoint", "data", "says"),
    [
        ("/sample", {"prompt": PROMPT, "num_return_sequences": 1}, "2以上"),
        (
            "/sample",
            {"prompt": PROMPT, "num_return_sequences": 2, "do_sample": False},
            "num_return",
        ),
        ("/sample", {"prompt": PROMPT, "num_return_sequences": 99}, "num_return"),
        ("/sample", {"prompt": PROMPT, "num_return_sequences": "x"}, "num_return"),
        ("/sample", {"prompt": PROMPT, "top_p": 2}, "top_p"),
        ("/sample", {"prompt": ""}, "空です"),
        ("/self_bleu", {"texts": ["one"]}, "空でない2つ以上"),
        ("/self_bleu", {"texts": "one two"}, "文のリスト"),
        ("/self_bleu", {"texts": None}, "文のリスト"),
        ("/self_bleu", {"texts": TEXTS, "references": "some"}, "references"),
        ("/self_bleu", {"texts": TEXTS, "tokenize": 3}, "tokenize"),
        ("/self_bleu", {"texts": ["word "] * 101}, "100文まで"),
        ("/self_bleu", {"texts": ["x" * 30_000] * 2}, "100文まで"),
    ],
)
def test_wrong_values_are_told_in_the_readers_language(
    client_ja: Client, endpoint: str, data: dict, says: str
) -> None:
    with pytest.raises(AppError, match=says):
        client_ja.predict(**data, api_name=endpoint)
