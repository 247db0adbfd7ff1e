"""What a page says while a run waits and when one is refused, in both languages."""

import asyncio
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import httpx
import pytest
from fastapi import Request
from playwright.sync_api import Browser, expect

from backend.beams import BeamParams
from backend.channel import Channel
from backend.lab import Lab
from backend.settings import Settings
from backend.types import SamplingParams, StreamUpdate
from backend.updates import updates
from demo.endpoints import person_of
from demo.identity import PERSON, TEACHER, Identity
from demo.searches import searched
from demo.waiting import calm, waiting_text
from demo.widgets.pairs import pair_of_runs
from demo.widgets.sweep import cell_of
from demo.words import LANGS, Lang, words
from tests.browser import LAPTOP, chromium, visit  # noqa: F401  # a fixture
from tests.conftest import serve, slowed
from tests.test_leaving import LONG
from tests.test_scheduler import PROMPT, endless, until

TEXTS = {  # of the refusal; how many of the four run already differs
    "en": r"You have \d running and \d waiting. Wait for one to end, or stop one.",
    "ja": r"あなたの実行は、\d件が生成中、\d件が順番待ちです。.*1つ止めてください。",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str]]:
    """A served lab with a teacher's key, so that whoever comes without it is a learner."""
    key = tmp_path_factory.mktemp("key") / "key"
    Path(key).write_text("the key\n", "utf-8")
    lab = Lab(Settings(threads=1, max_streams=4, teacher_key_file=key))
    with serve(lab) as site:
        lab.engine.model()
        lab.generate(PROMPT, SamplingParams(max_new_tokens=64))  # so that there is a rate
        yield lab, site
    lab.close()


@pytest.mark.parametrize(
    ("wait_s", "said"), [(0.1, 1), (7.2, 8), (10.0, 10), (10.1, 15), (41.0, 45)]
)
def test_the_wait_is_told_in_calm_steps(wait_s: float, said: int) -> None:
    assert calm(wait_s) == said


@pytest.mark.parametrize("lang", LANGS)
def test_each_kind_of_waiting_has_words(lang: Lang) -> None:
    said = words(lang)
    queued = StreamUpdate(waiting="queued", queue_position=3)
    known = StreamUpdate(waiting="queued", queue_position=3, expected_wait_s=7.5)
    own = StreamUpdate(waiting="own", queue_position=0, expected_wait_s=7.5)
    assert "3" in waiting_text(queued, said)
    assert "3" in waiting_text(known, said)
    assert "8" in waiting_text(known, said)
    assert "8" in waiting_text(own, said)
    for plain in ("loading", "reading"):
        assert waiting_text(StreamUpdate(waiting=plain), said) == said(f"waiting.{plain}")


def test_who_waits_for_a_first_token_is_heard_of() -> None:
    """Gradio sees at an update only that somebody has left."""
    channel: Channel[int] = Channel(limit=8, update_s=0.0)

    async def read() -> list[StreamUpdate]:
        found = list[StreamUpdate]()
        reading = updates(channel, lambda: True, lambda: None)  # type: ignore[arg-type]
        async for update in reading:
            found.append(update)
            if len(found) == 1:
                asyncio.get_running_loop().call_later(0.01, channel.put, [1])
                asyncio.get_running_loop().call_later(1.3, channel.finish)
        return found

    # no more, though it was silent for longer than a second
    first, then = asyncio.run(asyncio.wait_for(read(), 30))
    assert first.waiting == "reading"
    assert list(then.steps) == [1]


def asked(cookies: dict[str, str], host: str) -> gr.Request:
    """A Gradio request of a browser."""
    jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = [(b"cookie", jar.encode()), (b"host", host.encode())]
    scope = {"type": "http", "headers": headers, "client": ("10.0.0.7", 5000)}
    return gr.Request(request=Request(scope))


def test_the_teacher_and_who_sits_at_the_machine_have_no_limits(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("open sesame\n")
    shared, own = Identity(Settings(teacher_key_file=key)), Identity(Settings())
    cookie = shared.teacher_cookie("open sesame")
    assert person_of(shared, asked({TEACHER: cookie}, "lab.example")) == ""
    assert person_of(own, asked({}, "127.0.0.1:7860")) == ""
    known = asked({PERSON: shared.new_person()}, "lab.example")
    assert person_of(shared, known) == person_of(shared, known) != ""
    assert person_of(shared, asked({}, "127.0.0.1:7860")) == "address 10.0.0.7"
    assert person_of(own, asked({}, "rebound.example")) == "address 10.0.0.7"


def test_what_a_page_sends_several_of_takes_turns_and_is_not_refused(lab: Lab) -> None:
    """A sweep's cells of 16 rows, runs among strangers and a beam search, for one learner."""
    one = SamplingParams(do_sample=True, seed=3, max_new_tokens=4)
    cell = dataclasses.replace(one, num_return_sequences=16, num_alternatives=0)

    async def at_once() -> list[object]:
        cells = [
            cell_of(lab, PROMPT, "", dataclasses.replace(cell, temperature=t), "a learner")
            for t in (0.5, 1.0, 2.0)
        ]
        pair = pair_of_runs(lab, "strangers", PROMPT, "", one, "a learner")
        beams = searched(
            lab, PROMPT, BeamParams(num_beams=2, max_new_tokens=4), model="", person="a learner"
        )
        return list(await asyncio.gather(*cells, pair, beams))

    assert len(asyncio.run(at_once())) == 5


async def refused(site: str, path: str, cookies: httpx.Cookies, streams: int) -> list[str]:
    """Ask for so many endless streams as one person; return the answers of those that end."""
    async with httpx.AsyncClient(base_url=site, cookies=cookies, timeout=30) as http_:

        async def answer() -> str:
            call = f"{path}gradio_api/call/complete"
            event = (await http_.post(call, json={"data": LONG})).json()["event_id"]
            return (await http_.get(f"{call}/{event}")).text

        tasks = [asyncio.create_task(answer()) for _ in range(streams)]
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return [task.result() for task in done]


@pytest.mark.slow  # it serves a lab of its own
@pytest.mark.parametrize(("lang", "path"), [("en", "/"), ("ja", "/ja/")])
def test_a_learners_fifth_run_is_refused_with_what_to_do(
    room: tuple[Lab, str], lang: str, path: str
) -> None:
    lab, site = room
    cookies = httpx.get(f"{site}{path}", timeout=60).cookies
    with slowed(lab):  # the four last until the fifth is refused
        [answer] = asyncio.run(refused(site, path, cookies, 5))
    told = json.loads(answer.removeprefix("event: error\ndata: "))["error"]
    assert re.fullmatch(TEXTS[lang], told)
    assert until(lambda: lab.status().active_streams + lab.status().queue_depth == 0)


# last in the file: playwright's event loop then runs in this thread
@pytest.mark.browser
@pytest.mark.parametrize(
    ("lang", "text"), [("en", "0 before you, about"), ("ja", "前に0件、あと約")]
)
def test_a_page_says_where_its_run_stands(
    chromium: Browser,  # noqa: F811
    room: tuple[Lab, str],
    lang: str,
    text: str,
) -> None:
    lab, site = room
    running = [endless(lab) for _ in range(4)]
    with visit(chromium, site, lang=lang, size=LAPTOP, tab="generate") as page:
        page.locator("#generate-go").click()
        expect(page.locator("#generate-status")).to_contain_text(text)
        for stream in running:
            stream.close()  # type: ignore[attr-defined]
        expect(page.locator("#generate-status")).not_to_contain_text(text)
    assert until(lambda: lab.status().active_streams + lab.status().queue_depth == 0)
