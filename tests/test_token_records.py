"""Records over the wire: another lab reads from the routes what this one's engine wrote."""

import pytest
from openai import BadRequestError, OpenAI

from backend.lab import Lab
from backend.token_records import step_of
from backend.types import SamplingParams, TokenStep

PROMPT = "Tell me a story about a dragon."
MESSAGES = [{"role": "user", "content": PROMPT}]
PARAMS = SamplingParams(
    do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=40, num_alternatives=4
)
ASKED = {"model": "pocket-chat", "temperature": 0.8, "top_p": 0.9, "seed": 7, "max_tokens": 40}
RECORDS = {"token_records": 4}


@pytest.fixture
def client(site: str) -> OpenAI:
    return OpenAI(base_url=f"{site}/v1", api_key="none", max_retries=0)


def same(read: list[TokenStep], wrote: tuple[TokenStep, ...]) -> bool:
    """The same to the last digit, the alternatives too."""
    return all(a == b for a, b in zip(read, wrote, strict=True))


def test_a_completions_records_are_the_engines_steps(client: OpenAI, lab: Lab) -> None:
    [want] = lab.generate(PROMPT, PARAMS)
    assert {c.removed_by for step in want.steps for c in step.alternatives} == {"", "top_p"}
    whole = client.completions.create(**ASKED, prompt=PROMPT, extra_body=RECORDS)
    assert same([step_of(r, 0) for r in whole.choices[0].token_records], want.steps)
    chunks = client.completions.create(**ASKED, prompt=PROMPT, extra_body=RECORDS, stream=True)
    records = [r for c in chunks for r in getattr(c.choices[0], "token_records", ())]
    assert same([step_of(r, 0) for r in records], want.steps)


def test_a_chats_records_are_the_engines_steps(client: OpenAI, lab: Lab) -> None:
    [want] = lab.generate(MESSAGES, PARAMS)
    chunks = client.chat.completions.create(
        **ASKED, messages=MESSAGES, extra_body=RECORDS, stream=True
    )
    records = [r for c in chunks for r in getattr(c.choices[0], "token_records", ())]
    assert same([step_of(r, 0) for r in records], want.steps)


def test_each_choice_has_its_own(client: OpenAI) -> None:
    whole = client.completions.create(**ASKED, prompt=PROMPT, n=3, extra_body=RECORDS)
    for choice in whole.choices:
        steps = [step_of(record, choice.index) for record in choice.token_records]
        assert "".join(step.text for step in steps) == choice.text
    assert len({choice.text for choice in whole.choices}) == 3


@pytest.mark.parametrize("asked", [51, True, "all"])
def test_a_wrong_number_of_alternatives_is_named(client: OpenAI, asked: object) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completions.create(**ASKED, prompt=PROMPT, extra_body={"token_records": asked})
    assert caught.value.param == "token_records"


def test_records_are_not_asked_for_beside_logprobs(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completions.create(**ASKED, prompt=PROMPT, logprobs=2, extra_body=RECORDS)
    assert caught.value.param == "token_records"


@pytest.mark.parametrize("broken", [{}, {"token_id": "x"}, {"token_id": None}])
def test_what_is_no_record_is_refused(broken: dict[str, object]) -> None:
    good = {
        "token_id": 1, "text": "a", "piece": "a", "bytes": [97], "logprob": -1.0, "prob": 0.5,
        "finish_reason": None, "alternatives": [],
    }  # fmt: skip
    assert step_of(good, 0).data == b"a"
    with pytest.raises((KeyError, TypeError, ValueError)):
        step_of({**good, **broken} if broken else {}, 0)
