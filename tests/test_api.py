"""The OpenAI routes with the real client, against the app on a real port."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

from backend.lab import Lab
from backend.types import Message, SamplingParams
from tests.test_parity import Case, reference

MODEL = "pocket-chat"
PROMPT = "Tell me a story about a dragon."
MESSAGES: list[Message] = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Tell me a story about a cat."},
]
DRAWN = {"temperature": 0.8, "top_p": 0.9, "seed": 7, "max_tokens": 60}
PARAMS = SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, seed=7, max_new_tokens=60)
CALCULATOR = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "works out numbers",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "such as 12*3"}},
            "required": ["expression"],
        },
    },
}


@pytest.fixture(scope="module")
def client(site: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{site}/v1", api_key="none", max_retries=0) as client:
        yield client


def generated(lab: Lab, prompt: str | list[Message], params: SamplingParams) -> list[str]:
    """What plain transformers writes, through the template for messages."""
    loaded = lab.engine.model()
    case = Case(prompt=prompt, params=params)  # type: ignore[arg-type]
    ids = reference(loaded, case)
    return [loaded.tokenizer.decode(row, skip_special_tokens=True) for row in ids]


def test_a_chat_for_a_seed_is_what_generate_gives_whole_and_streamed(
    client: OpenAI, lab: Lab
) -> None:
    [want] = generated(lab, MESSAGES, PARAMS)
    asked = {"model": MODEL, "messages": MESSAGES, **DRAWN}
    whole = client.chat.completions.create(**asked)
    assert whole.choices[0].message.content == want
    assert whole.choices[0].message.role == "assistant"
    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert len(chunks) > 3
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == want
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_completion_for_a_seed_is_what_generate_gives_whole_and_streamed(
    client: OpenAI, lab: Lab
) -> None:
    [want] = generated(lab, PROMPT, PARAMS)
    asked = {"model": MODEL, "prompt": PROMPT, **DRAWN}
    text = client.completions.create(**asked).choices[0].text
    assert text.removeprefix(" ") == want
    chunks = list(client.completions.create(**asked, stream=True))
    assert len(chunks) > 3
    assert "".join(chunk.choices[0].text for chunk in chunks) == text
    assert client.completions.create(**asked, echo=True).choices[0].text == PROMPT + text


def test_temperature_zero_is_greedy(client: OpenAI, lab: Lab) -> None:
    [want] = generated(lab, MESSAGES, SamplingParams(max_new_tokens=20))
    found = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, temperature=0, max_completion_tokens=20
    )
    assert found.choices[0].message.content == want


def test_our_own_filters_are_taken(client: OpenAI, lab: Lab) -> None:
    filters = {"top_k": 5, "min_p": 0.02, "typical_p": 0.95, "epsilon_cutoff": 0.001}
    params = SamplingParams(do_sample=True, seed=3, max_new_tokens=24, **filters)
    found = client.completions.create(
        model=MODEL, prompt=PROMPT, seed=3, max_tokens=24, extra_body=filters
    )
    assert found.choices[0].text == lab.generate(PROMPT, params)[0].text


def test_several_choices_are_the_rows(client: OpenAI, lab: Lab) -> None:
    params = SamplingParams(do_sample=True, seed=5, max_new_tokens=16, num_return_sequences=3)
    want = [g.text for g in lab.generate(PROMPT, params)]
    asked = {"model": MODEL, "prompt": PROMPT, "n": 3, "seed": 5}
    whole = client.completions.create(**asked)
    assert [choice.text for choice in whole.choices] == want
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    texts, ends = ["", "", ""], [0, 0, 0]
    for chunk in client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            ends[choice.index] += choice.finish_reason is not None
    assert (texts, ends) == (want, [1, 1, 1])


@pytest.mark.parametrize("stop", [" the", [".", " the"]])
def test_stop_ends_before_the_stop_string(client: OpenAI, stop: str | list[str]) -> None:
    whole = client.completions.create(model=MODEL, prompt=PROMPT, temperature=0, max_tokens=60)
    found = client.completions.create(
        model=MODEL, prompt=PROMPT, temperature=0, max_tokens=60, stop=stop
    )
    text = whole.choices[0].text
    first = min(text.index(s) for s in ([stop] if isinstance(stop, str) else stop))
    assert found.choices[0].text == text[:first]
    assert found.choices[0].finish_reason == "stop"


def test_logprobs_are_the_engines_in_both_forms(client: OpenAI, lab: Lab) -> None:
    steps = lab.generate(MESSAGES, PARAMS)[0].steps
    asked = {"model": MODEL, "messages": MESSAGES, **DRAWN, "logprobs": True, "top_logprobs": 3}
    content = client.chat.completions.create(**asked).choices[0].logprobs.content
    assert sum(t.logprob for t in content) == pytest.approx(sum(s.logprob for s in steps))
    assert [bytes(t.bytes) for t in content] == [s.data for s in steps]
    assert [len(t.top_logprobs) for t in content] == [3] * len(steps)
    streamed = [
        token
        for chunk in client.chat.completions.create(**asked, stream=True)
        if chunk.choices[0].logprobs
        for token in chunk.choices[0].logprobs.content
    ]
    assert streamed == content
    steps = lab.generate(PROMPT, PARAMS)[0].steps
    found = client.completions.create(model=MODEL, prompt=PROMPT, **DRAWN, logprobs=2)
    kept = found.choices[0].logprobs
    assert sum(kept.token_logprobs) == pytest.approx(sum(s.logprob for s in steps))
    text = found.choices[0].text
    for token, offset in zip(kept.tokens, kept.text_offset):
        assert text[offset:].startswith(token)
    assert all(token in top for token, top in zip(kept.tokens, kept.top_logprobs))


def test_usage_counts_the_prompt_and_every_token(client: OpenAI, lab: Lab) -> None:
    [want] = lab.generate(MESSAGES, PARAMS)
    asked = {"model": MODEL, "messages": MESSAGES, **DRAWN}
    whole = client.chat.completions.create(**asked).usage
    assert (whole.prompt_tokens, whole.completion_tokens) == (want.prompt_tokens, len(want.steps))
    assert whole.total_tokens == whole.prompt_tokens + whole.completion_tokens
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    assert chunks[-1].usage == whole
    assert chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_models(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == MODEL
    assert "pocket-base" in names
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(NotFoundError):
        client.models.retrieve("no/such")


def test_a_chat_without_a_length_takes_what_fits(client: OpenAI, lab: Lab) -> None:
    messages: list[Message] = [{"role": "user", "content": "dragon " * 1980}]
    room = 2048 - len(lab.render(messages).ids)
    assert 0 < room < lab.settings.max_new_tokens
    found = client.chat.completions.create(model=MODEL, messages=messages, seed=1)
    assert found.usage.completion_tokens <= room
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=messages, max_tokens=room + 1)
    assert caught.value.code == "context_length_exceeded"


def test_a_schema_holds(client: OpenAI) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}
    found = client.chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )
    assert json.loads(found.choices[0].message.content)["a"] in ("x", "y")


def test_a_tool_is_called_and_its_result_read(client: OpenAI, lab: Lab) -> None:
    talk: list[dict] = [{"role": "user", "content": "What is 12*13?"}]
    asked = {"model": MODEL, "tools": [CALCULATOR], "temperature": 0}
    choice = client.chat.completions.create(**asked, messages=talk).choices[0]
    [call] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert (call.function.name, choice.message.content) == ("calculator", None)
    assert json.loads(call.function.arguments) == {"expression": "12*13"}
    chunks = list(client.chat.completions.create(**asked, messages=talk, stream=True))
    [streamed] = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or []]
    assert streamed.function.arguments == call.function.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    talk += [
        choice.message.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": "156"},
    ]
    said = client.chat.completions.create(**asked, messages=talk).choices[0].message.content
    assert "156" in said
    plain = client.chat.completions.create(
        **asked, messages=[{"role": "user", "content": "Hello."}]
    )
    assert plain.choices[0].message.tool_calls is None
    assert plain.choices[0].message.content


def test_what_changes_nothing_is_taken(client: OpenAI) -> None:
    neutral = {"presence_penalty": 0, "logit_bias": {}, "user": "u", "metadata": {"a": "b"}}
    found = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, **neutral, n=1, stop=None, tools=[]
    )
    assert found.choices[0].message.content


@pytest.mark.slow
def test_thirty_two_clients_at_once_each_get_their_own(site: str, lab: Lab) -> None:
    seeds = range(32)
    params = [SamplingParams(do_sample=True, seed=seed, max_new_tokens=24) for seed in seeds]
    want = [lab.generate(MESSAGES, p)[0].text.removeprefix(" ") for p in params]

    async def one(seed: int) -> str:
        key, text = f"key {seed}", ""
        async with AsyncOpenAI(base_url=f"{site}/v1", api_key=key, max_retries=0) as client:
            stream = await client.chat.completions.create(
                model=MODEL, messages=MESSAGES, seed=seed, max_tokens=24, stream=True
            )
            async for chunk in stream:
                text += chunk.choices[0].delta.content or ""
        return text

    async def all_of_them() -> list[str]:
        return list(await asyncio.gather(*map(one, seeds)))

    assert asyncio.run(all_of_them()) == want
