"""The OpenAI routes of a lab whose model is on another server."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from openai import APIError, OpenAI, RateLimitError

from backend import api
from backend.lab import Lab
from backend.openai_format import given
from backend.settings import Settings
from demo.widgets.code_pane import fill
from demo.widgets.own_script import CLIENTS
from tests.conftest import serve
from tests.remote_server import MODEL, TEXT, Server, address, running
from tests.test_snippets import run

PROMPT = "Tell me a story about a dragon."


@pytest.fixture
def between() -> Iterator[tuple[Server, OpenAI]]:
    """A server, and a client of the lab before it."""
    app = FastAPI()
    with running() as theirs:
        lab = Lab(Settings(engine_url=address(theirs)))
        app.include_router(api.router(lab))
        with serve(lab, app) as site:
            yield theirs, OpenAI(base_url=f"{site}/v1", api_key="none", max_retries=0)
        lab.close()


def test_an_answer_names_the_model_that_wrote_it(between: tuple[Server, OpenAI]) -> None:
    theirs, client = between
    for asked in ("", MODEL, "pocket-chat"):
        found = client.completions.create(model=asked, prompt=PROMPT)
        assert (found.model, found.choices[0].text) == (MODEL, "".join(TEXT))
        assert found.usage is None
        chunks = list(client.completions.create(model=asked, prompt=PROMPT, stream=True))
        assert {chunk.model for chunk in chunks} == {MODEL}
    assert {body["model"] for body in theirs.asked} == {MODEL}
    assert [model.id for model in client.models.list()] == [MODEL]


def test_its_faults_are_passed_on(between: tuple[Server, OpenAI]) -> None:
    theirs, client = between
    theirs.fault = "429"
    with pytest.raises(RateLimitError) as caught:
        client.completions.create(model=MODEL, prompt=PROMPT)
    assert caught.value.response.headers["retry-after"] == "7"
    theirs.fault = "told"
    came = client.completions.create(model=MODEL, prompt=PROMPT, stream=True)
    assert [next(came).choices[0].text for _ in TEXT[:2]] == list(TEXT[:2])
    with pytest.raises(APIError, match="in the middle: their worker died"):
        list(came)


@pytest.mark.slow
def test_the_pages_own_scripts_run(tmp_path: Path) -> None:
    with running() as theirs:
        lab = Lab(Settings(engine_url=address(theirs)))
        with serve(lab) as site:
            for name in CLIENTS:
                script = tmp_path / f"{name}.py"
                script.write_text(fill(name, {"URL": site, "KEY": "none"}), "utf-8")
                assert "".join(TEXT) in run(script)
        lab.close()


def test_a_log_probability_is_json() -> None:
    assert [given(value) for value in (math.nan, -math.inf, -1.5)] == [None, -9999.0, -1.5]
