"""Closed tabs, the class's link and the votes: the rules, and who may use them. No model."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from backend.classroom import MOST_VOTERS, Classroom, Question
from backend.errors import LabError
from backend.settings import Settings
from demo.app import TABS, build, create_app
from demo.follow import check
from demo.identity import Identity
from demo.links import LONGEST
from demo.words import LANGS, words
from tests.test_app import LOCAL, Idle

HOST = "127.0.0.1:7860"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def room() -> Classroom:
    room = Classroom()
    for tab in ("start", "generate", "memory"):
        room.add_tab(tab, {"top_p": check(gr.Slider(0, 1))})
    return room


def refused(room: Classroom, tab: str, link: str) -> str:
    with pytest.raises(LabError) as found:
        room.suggest(tab, link, host=HOST)
    return found.value.code


def test_a_closed_tab_gives_way_to_generate_then_to_the_first_open(room: Classroom) -> None:
    assert room.opens("memory") == "memory"
    room.set_open("memory", False)
    assert room.opens("memory") == room.opens("nonsense") == "generate"
    room.set_open("generate", False)
    assert room.closed == ("generate", "memory")
    assert room.opens("memory") == room.opens("generate") == "start"
    room.set_open("memory", True)
    assert room.opens("memory") == "memory"


def test_one_tab_stays_open(room: Classroom) -> None:
    room.set_open("start", False)
    room.set_open("memory", False)
    with pytest.raises(LabError, match="one tab must stay open"):
        room.set_open("generate", False)
    assert room.opens("start") == "generate"
    with pytest.raises(LabError, match="there is no tab"):
        room.set_open("admin", False)


@pytest.mark.parametrize(
    "link",
    [
        f"http://{HOST}/?tab=memory&top_p=0.5",
        f"https://{HOST}/ja/?tab=memory&top_p=0.5",
        f" http://{HOST}?lang=ja&tab=memory&top_p=0.5\n",
        "/?tab=memory&top_p=0.5",
    ],
)
def test_a_copied_link_is_taken_without_its_language(room: Classroom, link: str) -> None:
    for tab in ("", "memory"):
        assert room.suggest(tab, link, host=HOST).query == "tab=memory&top_p=0.5"


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("http://evil.example/?tab=memory", "link_site"),
        (f"http://{HOST}.evil.example/?tab=memory", "link_site"),
        (f"http://{HOST}@evil.example/?tab=memory", "link_site"),
        ("//evil.example/?tab=memory", "link_site"),
        ("/\\evil.example/?tab=memory", "link_site"),
        ("javascript:alert(1)?tab=memory", "link_site"),
        (f"ftp://{HOST}/?tab=memory", "link_site"),
        (f"http://{HOST}/teacher?tab=memory", "link_site"),
        (f"http://{HOST}/?memory", "link_site"),
        ("http://[broken/?tab=memory", "link_site"),
        ("/?tab=admin", "tab_unknown"),
        ("/?top_p=0.5", "tab_unknown"),
        ("/?tab=generate", "link_tab"),
        ("/?tab=memory&sudo=1", "link_field"),
        ("/?tab=memory&top_p=much", "link_value"),
        ("/?tab=memory&top_p=7", "link_value"),
        ("/?tab=memory&top_p=nan", "link_value"),
        ("/?tab=memory&top_p=" + "0" * 20_000, "link_long"),
    ],
)
def test_anything_but_a_link_of_this_lab_is_refused(room: Classroom, link: str, code: str) -> None:
    kept = room.suggest("memory", "", host=HOST)
    assert refused(room, "memory" if code == "link_tab" else "", link) == code
    assert room.link == kept


def test_a_suggestion_is_replaced_hidden_with_its_tab_and_withdrawn(room: Classroom) -> None:
    first = room.suggest("memory", "", host=HOST)
    assert first.query == "tab=memory"
    again = room.suggest("memory", "", host=HOST)
    assert again.id != first.id  # who has put the first aside is told again
    room.set_open("memory", False)
    assert room.link is None
    assert refused(room, "memory", "") == "link_closed"
    room.set_open("memory", True)
    assert room.link == again
    room.withdraw()
    assert room.link is None


def test_fields_take_what_the_page_would_put_in() -> None:
    radio, box, text = gr.Radio([("one", 1), ("two", 2)]), gr.Checkbox(), gr.Textbox()
    assert check(radio)("2")
    assert not check(radio)("3")
    assert check(box)("true")
    assert not check(box)("yes")
    assert check(text)("竜")
    assert not check(text)("x" * (LONGEST + 1))


def test_a_person_counts_once_and_the_last_vote_counts(room: Classroom) -> None:
    room.vote("memory", 0, "a")
    room.vote("memory", 2, "a")
    room.vote("memory", 2, "b")
    room.vote("start", 1, "a")
    assert room.counts("memory", 3) == [0, 0, 2]
    room.clear("memory")
    assert room.counts("memory", 3) == [0, 0, 0]
    assert room.counts("start", 2) == [0, 1]
    room.clear()
    assert room.counts("start", 2) == [0, 0]


def test_the_votes_of_a_question_are_bounded(room: Classroom) -> None:
    for n in range(MOST_VOTERS + 5):
        room.vote("memory", 0, f"person {n}")
    assert room.counts("memory", 2) == [MOST_VOTERS, 0]
    room.vote("memory", 1, "person 3")  # who is counted may still change
    assert room.counts("memory", 2) == [MOST_VOTERS - 1, 1]


@pytest.fixture(scope="module")
def served() -> tuple[TestClient, Classroom]:
    lab = Idle(Settings())
    return TestClient(create_app(lab), base_url=LOCAL, follow_redirects=False), lab.classroom


@pytest.fixture
def teacher(served: tuple[TestClient, Classroom]) -> Iterator[tuple[TestClient, Classroom]]:
    client, room = served
    client.cookies.clear()
    yield client, room
    room.clear()
    room.withdraw()
    for tab in room.closed:
        room.set_open(tab, True)


@pytest.mark.slow
def test_every_tabs_question_is_known_in_both_languages(
    teacher: tuple[TestClient, Classroom],
) -> None:
    _, room = teacher
    assert room.tabs == tuple(tab for tab, _, _ in TABS)
    english, japanese = (room.questions(lang) for lang in LANGS)
    assert list(english) == list(japanese)
    assert set(english) >= {"start", "generate", "diversity", "decoding", "memory", "chat"}
    assert all(len(english[q].answers) == len(japanese[q].answers) > 1 for q in english)
    assert english["generate"] == Question(
        text=words("en")("generate.predict"), answers=("7", "9", "10", "31")
    )


@pytest.mark.slow
def test_both_languages_count_into_one_histogram() -> None:
    lab = Idle(Settings())
    learner = SimpleNamespace(cookies={}, client=SimpleNamespace(host="192.0.2.1"))
    for place, lang in enumerate(LANGS):  # one person, who answers again in the other language
        page = build(lab, Identity(lab.settings), words(lang))
        casts = [f for f in page.fns.values() if f.fn and f.fn.__name__ == "cast"]
        assert len(casts) == len(lab.classroom.questions(lang))
        for cast in casts:
            _, value = cast.inputs[0].choices[place]
            asyncio.run(cast.fn(value, learner))
            asyncio.run(cast.fn("no such answer", learner))
    for name, asked in lab.classroom.questions("en").items():
        wanted = [int(place == len(LANGS) - 1) for place in range(len(asked.answers))]
        assert lab.classroom.counts(name, len(asked.answers)) == wanted


def test_the_teacher_closes_suggests_and_clears(teacher: tuple[TestClient, Classroom]) -> None:
    client, room = teacher
    closed = client.post("/teacher/tab?lang=en", data={"tab": "chat", "open": "0"})
    assert closed.status_code == 303
    assert "The tab is closed." in client.get(closed.headers["location"]).text
    status = client.get("/status").json()
    assert status["closed"] == ["chat"]
    assert status["link"] is None
    link = f"{LOCAL}/?tab=generate&temperature=0.5"
    client.post("/teacher/link", data={"tab": "", "link": link})
    page = client.get("/teacher", headers=ENGLISH).text
    assert f"{LOCAL}/?tab=generate&amp;temperature=0.5" in page
    assert client.get("/status").json()["link"]["tab"] == "generate"
    assert client.get("/class").headers["location"] == "/?tab=generate&temperature=0.5"
    assert client.get("/class?lang=ja").headers["location"] == "/ja/?tab=generate&temperature=0.5"
    client.post("/teacher/withdraw")
    assert client.get("/class").headers["location"] == "/"
    room.vote("generate", 1, "somebody")
    assert "1 (100 %)" in client.get("/teacher", headers=ENGLISH).text
    client.post("/teacher/clear", data={"question": "generate"})
    assert "1 (100 %)" not in client.get("/teacher", headers=ENGLISH).text
    assert client.post("/teacher/shutdown").status_code == 404


@pytest.mark.parametrize(
    ("lang", "site", "last"),
    [
        ("en", "not a link to this lab", "must stay open"),
        ("ja", "リンクではありません", "少なくとも"),
    ],
)
def test_a_refusal_says_why_on_the_page(
    teacher: tuple[TestClient, Classroom], lang: str, site: str, last: str
) -> None:
    client, room = teacher
    wrong = client.post(f"/teacher/link?lang={lang}", data={"link": "http://evil.example/?tab=x"})
    assert wrong.status_code == 400
    assert site in wrong.text
    for tab in room.tabs[1:]:
        client.post("/teacher/tab", data={"tab": tab, "open": "0"})
    refusal = client.post(f"/teacher/tab?lang={lang}", data={"tab": room.tabs[0], "open": "0"})
    assert refusal.status_code == 400
    assert last in refusal.text


def test_nothing_a_teacher_sends_becomes_markup(teacher: tuple[TestClient, Classroom]) -> None:
    client, _ = teacher
    evil = "<script>alert(1)</script>"
    for data in ({"tab": evil}, {"link": f"/?tab={evil}"}, {"link": f"/?tab=chat&{evil}=1"}):
        answer = client.post("/teacher/link", data=data, headers=ENGLISH)
        assert answer.status_code == 400
        assert evil not in answer.text


def test_a_foreign_page_changes_nothing(teacher: tuple[TestClient, Classroom]) -> None:
    client, room = teacher
    data = {"tab": "chat", "open": "0"}
    for origin in ("http://evil.example", "null"):
        assert client.post("/teacher/tab", data=data, headers={"Origin": origin}).status_code == 403
    assert not room.closed
    framed = client.get("/teacher").headers["content-security-policy"]
    assert framed == "frame-ancestors 'none'"


@pytest.mark.slow
def test_no_learner_may_do_any_of_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("open sesame\n")
    lab = Idle(Settings(teacher_key_file=key))
    client = TestClient(create_app(lab), base_url=LOCAL, follow_redirects=False)
    lab.classroom.vote("generate", 1, "somebody")
    for lang, reason in (("en", "Only the teacher opens"), ("ja", "教員だけです")):
        for act, data in (
            ("tab", {"tab": "chat", "open": "0"}),
            ("link", {"tab": "chat"}),
            ("withdraw", {}),
            ("clear", {}),
            ("nonsense", {}),
        ):
            answer = client.post(f"/teacher/{act}?lang={lang}", data=data)
            assert answer.status_code == 403
            assert reason in answer.text
    assert lab.classroom.counts("generate", 4) == [0, 1, 0, 0]
    assert not lab.classroom.closed
    assert "100 %" not in client.get("/teacher").text
    entered = client.post("/teacher", data={"key": "open sesame"})
    assert entered.status_code == 303
    assert "strict" in entered.headers["set-cookie"].lower()
    assert client.post("/teacher/tab", data={"tab": "chat", "open": "0"}).status_code == 303
    assert lab.classroom.closed == ("chat",)
