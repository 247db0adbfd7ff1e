"""Languages, cookies, the teacher, logins, foreign pages, health: without a model."""

import asyncio
import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend import device_memory
from backend.lab import Lab
from backend.settings import Settings
from demo.app import create_app

LOCAL = "http://127.0.0.1:7860"


class Idle(Lab):
    """A lab that never loads, for tests of the frame around it."""

    def start(self) -> None:
        """Do nothing."""


def client(settings: Settings = Settings(), base: str = LOCAL) -> TestClient:
    return TestClient(create_app(Idle(settings)), base_url=base, follow_redirects=False)


@pytest.fixture(scope="module")
def shared() -> Iterator[TestClient]:
    return client()


@pytest.fixture
def plain(shared: TestClient) -> TestClient:
    shared.cookies.clear()
    return shared


def test_the_page_is_in_the_browsers_language(plain: TestClient) -> None:
    assert plain.get("/", headers={"Accept-Language": "en"}).status_code == 200
    answer = plain.get("/?tab=chat", headers={"Accept-Language": "ja"})
    assert answer.status_code == 307
    assert answer.headers["location"] == "/ja/?tab=chat"
    page = plain.get("/ja/")
    assert page.status_code == 200
    assert "documentElement.lang" in page.text
    assert "生成する" in page.text


@pytest.mark.slow
def test_the_pages_are_built_without_torch() -> None:
    """It takes seconds to import: the page is there before."""
    code = (
        "import sys; from backend.lab import Lab; from backend.settings import Settings;"
        "from demo.app import create_app; create_app(Lab(Settings()));"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_chosen_language_is_remembered(plain: TestClient) -> None:
    answer = plain.get("/?lang=ja&tab=chat", headers={"Accept-Language": "en"})
    assert answer.headers["location"] == "/ja/?tab=chat"
    assert plain.get("/", headers={"Accept-Language": "en"}).status_code == 307
    back = plain.get("/?lang=en", headers={"Accept-Language": "ja"})
    assert back.status_code == 200
    assert plain.get("/", headers={"Accept-Language": "ja"}).status_code == 200


def test_a_person_keeps_a_signed_cookie(plain: TestClient) -> None:
    first = plain.get("/", headers={"Accept-Language": "en"})
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "set-cookie" not in plain.get("/", headers={"Accept-Language": "en"}).headers
    plain.cookies.clear()
    plain.cookies.set("lab_person", "somebody.else")
    assert "lab_person" in plain.get("/", headers={"Accept-Language": "en"}).headers["set-cookie"]


def test_health_tells_that_nothing_is_loaded(plain: TestClient) -> None:
    assert plain.get("/livez").status_code == 200
    answer = plain.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    metrics = plain.get("/metrics")
    assert "llmlab_engine_up 0.0" in metrics.text
    assert metrics.headers["content-type"].startswith("text/plain")


def test_the_frame_measures_against_the_containers_limit(
    plain: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 64 * 2**20  # less than any machine has
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(device_memory, "CGROUP", tmp_path)
    status = plain.get("/status").json()
    assert status["total"] == limit
    assert status["used"] > 0


def test_a_foreign_page_cannot_post(plain: TestClient) -> None:
    foreign = plain.post("/teacher", headers={"Origin": "http://evil.example"}, data={"key": "x"})
    assert foreign.status_code == 403
    assert "site" in foreign.text
    own = plain.post("/teacher", headers={"Origin": LOCAL}, data={"key": "x"})
    assert own.status_code == 403
    assert "LAB_TEACHER_KEY_FILE" in own.text


def test_nothing_of_fastapis_pages_is_served(plain: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "swagger" not in plain.get(path, headers={"Accept-Language": "en"}).text.lower()


@pytest.mark.slow
def test_the_teacher_enters_the_key_once(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("open sesame\n")
    lab = client(Settings(teacher_key_file=key))
    assert lab.post("/teacher", data={"key": "wrong"}).status_code == 403
    assert "lab_teacher" not in lab.cookies
    assert lab.post("/teacher", data={"key": "open sesame"}).status_code == 303
    assert "lab_teacher" in lab.cookies
    assert "You are the teacher" in lab.get("/teacher", headers={"Accept-Language": "en"}).text
    proxied = {"X-Forwarded-Proto": "https"}
    entered = lab.post("/teacher", headers=proxied, data={"key": "open sesame"})
    assert "; Secure" in entered.headers["set-cookie"]


@pytest.mark.slow
def test_logins_guard_all_but_the_probes(tmp_path: Path) -> None:
    logins = tmp_path / "logins"
    logins.write_text("# the class\nclass:secret\n先生:鍵\n", "utf-8")
    lab = client(Settings(host="0.0.0.0", auth_file=logins), "http://lab.example")
    for path in ("/", "/ja/", "/status", "/gradio_api/info", "/teacher"):
        assert lab.get(path).status_code == 401, path
    assert lab.get("/livez").status_code == 200
    assert lab.get("/metrics").status_code == 200
    for login, status in (
        ("class:secret", 200),
        ("先生:鍵", 200),
        ("class:wrong", 401),
        ("x", 401),
    ):
        token = base64.b64encode(login.encode()).decode()
        assert lab.get("/status", headers={"Authorization": f"Basic {token}"}).status_code == status


def test_a_renamed_loopback_is_not_the_teacher() -> None:
    from demo.identity import Identity

    identity = Identity(Settings())
    assert identity.is_teacher({}, "127.0.0.1:7860")
    assert identity.is_teacher({}, "localhost")
    assert identity.is_teacher({}, "[::1]:7860")
    assert not identity.is_teacher({}, "rebound.example:7860")
    assert not Identity(Settings(host="0.0.0.0")).is_teacher({}, "127.0.0.1:7860")


@pytest.mark.slow
def test_a_class_that_waits_for_the_load_leaves_threads_for_others() -> None:
    loaded = threading.Event()

    async def waiting() -> None:
        app = create_app(Idle(Settings()))
        async with app.router.lifespan_context(app):
            crowd = [asyncio.create_task(asyncio.to_thread(loaded.wait)) for _ in range(100)]
            try:
                await asyncio.wait_for(asyncio.to_thread(int), 20)
            finally:
                loaded.set()
            await asyncio.gather(*crowd)

    asyncio.run(waiting())
