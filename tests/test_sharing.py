"""Sharing: who may be let in, the public link, and a lab under a path of a reverse proxy."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gradio
import pytest
from fastapi.testclient import TestClient

from backend.classroom import read_link
from backend.errors import LabError
from backend.lab import Lab
from backend.settings import Settings
from demo import __main__ as command
from demo import sharing
from demo.app import create_app
from tests.conftest import WEIGHTS

pytestmark = pytest.mark.slow

PROXY = {
    "X-Forwarded-Prefix": "/lab",
    "X-Forwarded-Host": "lab.example.org",
    "X-Forwarded-Proto": "https",
    "Accept-Language": "en",
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    lab = Lab(Settings(model=str(WEIGHTS / "chat")))
    yield TestClient(create_app(lab), base_url="http://127.0.0.1", follow_redirects=False)
    lab.close()


def test_a_shared_lab_needs_a_password_or_the_word_that_it_needs_none() -> None:
    env = {**os.environ, "LAB_SHARE": "1", "LAB_AUTH_FILE": "", "LAB_NO_AUTH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "demo"], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("LAB_SHARE=1 serves other machines")


def test_a_shared_lab_is_not_its_readers_own() -> None:
    assert not Settings(share=True).on_loopback


def test_a_password_is_one_whatever_else_is_set(tmp_path: Path) -> None:
    logins = tmp_path / "logins"
    logins.write_text("ann:secret\n")
    assert Settings(host="0.0.0.0", no_auth=True).open_to_all
    assert not Settings(host="0.0.0.0", no_auth=True, auth_file=logins).open_to_all
    assert not Settings(no_auth=True).open_to_all


def test_a_link_that_cannot_be_had_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(port: int) -> str:
        raise RuntimeError("no way out")

    monkeypatch.setattr(sharing, "public_link", away)
    command.share(7860)
    assert "no way out" in capsys.readouterr().err
    monkeypatch.setattr(sharing, "public_link", lambda port: f"https://x.example/{port}")
    command.share(7860)
    assert "https://x.example/7860" in capsys.readouterr().out


@pytest.mark.parametrize(("path", "lang"), [("/", "en"), ("/ja/", "ja")])
def test_the_page_names_the_path_it_is_served_at(client: TestClient, path: str, lang: str) -> None:
    headers = {**PROXY, "Accept-Language": lang}
    root = f"https://lab.example.org/lab{path}".rstrip("/")
    for asked in (path, f"{path}config"):
        page = client.get(asked, headers=headers)
        assert page.status_code == 200
        assert f'"root":"{root}"' in page.text.replace('": "', '":"')
    # the next reader comes without a proxy, and gets no other's address
    direct = client.get(f"{path}config", headers={"Accept-Language": lang}).json()["root"]
    assert direct == f"http://127.0.0.1{path}".rstrip("/")


def test_redirects_stay_under_the_path(client: TestClient) -> None:
    japanese = client.get("/?tab=chat", headers={**PROXY, "Accept-Language": "ja"})
    assert japanese.headers["location"] == "/lab/ja/?tab=chat"
    assert client.get("/class?lang=ja", headers=PROXY).headers["location"] == "/lab/ja/"
    assert client.get("/class?lang=ja").headers["location"] == "/ja/"


def test_the_teachers_page_stays_under_the_path(client: TestClient) -> None:
    headers = {**PROXY, "Host": "127.0.0.1"}
    link = {"tab": "chat", "link": "https://lab.example.org/lab/?tab=chat"}
    done = client.post("/teacher/link", data=link, headers=headers)
    assert done.headers["location"].startswith("/lab/teacher?")
    page = client.get("/teacher", headers=headers).text
    client.post("/teacher/withdraw", headers=headers)
    assert 'action="/lab/teacher/tab?lang=en"' in page
    assert 'value="https://lab.example.org/lab/class"' in page
    assert '="/teacher' not in page


def test_on_a_space_nothing_comes_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "class/lab")
    assert gradio.utils.get_space() == "class/lab"
    lab = Lab(Settings(host="0.0.0.0", no_auth=True))
    space = TestClient(create_app(lab))
    for path in ("/config", "/ja/config"):
        assert space.get(path).json()["space_id"] is None
    lab.close()


@pytest.mark.parametrize(
    ("proto", "dest", "wanted"),
    [
        ("http", "document", "SameSite=Lax"),
        ("http", "iframe", "SameSite=Lax"),
        ("https", "document", "SameSite=Lax; Secure"),
        ("https", "iframe", "SameSite=None; Secure; Partitioned"),  # as a Space is shown
    ],
)
def test_a_person_is_known_over_tls_alone_and_in_a_frame(
    client: TestClient, proto: str, dest: str, wanted: str
) -> None:
    client.cookies.clear()
    headers = {**PROXY, "X-Forwarded-Proto": proto, "Sec-Fetch-Dest": dest}
    cookies = client.get("/?lang=en", headers=headers).headers.get_list("set-cookie")
    client.cookies.clear()
    assert [cookie.partition("=")[0] for cookie in cookies] == ["lab_person", "lab_lang"]
    assert all(cookie.endswith(f"; {wanted}") for cookie in cookies)


def test_a_path_that_is_none_changes_nothing() -> None:
    for named in ('/"><script>', "//elsewhere.example", "lab", "/a//b", ""):
        assert sharing.prefix_of({"x-forwarded-prefix": named}) == ""
    assert sharing.prefix_of({"x-forwarded-prefix": "/class/lab/"}) == "/class/lab"


def test_a_link_copied_under_the_path_is_the_labs() -> None:
    here = "lab.example.org/lab"
    assert read_link("https://lab.example.org/lab/?tab=chat&lang=ja", here) == {"tab": "chat"}
    assert read_link("https://lab.example.org/lab/ja/?tab=chat", here) == {"tab": "chat"}
    for other in ("https://lab.example.org/other/?tab=chat", "https://example.org/lab/?tab=chat"):
        with pytest.raises(LabError):
            read_link(other, here)
