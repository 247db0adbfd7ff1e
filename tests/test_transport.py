"""How answers travel: compressed, kept, never held back, and alive after a lost connection."""

import contextlib
import gzip
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import brotli
import httpx
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from starlette.types import Receive, Scope, Send

from backend.channel import Channel
from backend.lab import Lab
from demo.caching import MOST_PAGES, Caching
from demo.words import Lang, words
from tests.browser import LAPTOP, chromium, visit  # noqa: F401  # a fixture
from tests.test_scheduler import until

EN = {"Accept-Language": "en"}
LONG = ["Tell me a story about a dragon.", "", True, 100.0, 1.0, 0, 0.0, 512, 1]


@pytest.fixture(scope="module")
def shared(site: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site, timeout=60) as client:
        yield client


def raw(
    client: httpx.Client, path: str, encoding: str, **headers: str
) -> tuple[httpx.Headers, bytes]:
    """Return an answer's headers and its body as it came."""
    asked = {**EN, "Accept-Encoding": encoding, **headers}
    with client.stream("GET", path, headers=asked) as answer:
        return answer.headers, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info"])
def test_a_page_is_the_same_in_every_encoding(shared: httpx.Client, path: str) -> None:
    headers, plain = raw(shared, path, "identity")
    assert "content-encoding" not in headers
    for name, decompress in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        headers, body = raw(shared, path, name)
        assert headers["content-encoding"] == name
        assert headers["vary"] == "Accept-Encoding"
        assert int(headers["content-length"]) == len(body) < len(plain) / 4
        assert decompress(body) == plain


def test_a_page_holds_the_address_it_was_asked_at(shared: httpx.Client) -> None:
    for host in ("one.example", "two.example", "one.example"):
        _, body = raw(shared, "/", "identity", Host=host, **{"X-Forwarded-Proto": "https"})
        assert f'"root":"https://{host}"'.encode() in body.replace(b'": "', b'":"')


def test_a_page_is_never_stored_by_the_browser_and_sets_cookies_each_time(
    shared: httpx.Client,
) -> None:
    people = set()
    for _ in range(2):
        shared.cookies.clear()
        headers, _ = raw(shared, "/", "br")
        assert headers["cache-control"] == "no-store"
        people.add(headers["set-cookie"])
    assert len(people) == 2


def test_hashed_assets_are_kept_for_good_and_others_for_an_hour(shared: httpx.Client) -> None:
    page = shared.get("/", headers=EN).text
    found = re.search(r"assets/index-[\w-]{8}\.js", page)
    assert found
    for path, said in (
        (f"/{found[0]}", "public, max-age=31536000, immutable"),
        ("/theme.css?v=1", "public, max-age=31536000, immutable"),
        ("/theme.css", "public, max-age=3600"),
        ("/static/js/iframeResizer.contentWindow.min.js", "public, max-age=3600"),
    ):
        headers, body = raw(shared, path, "br")
        assert headers["cache-control"] == said, path
        assert brotli.decompress(body)
        again = shared.get(path, headers={"If-None-Match": headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_what_is_not_there_is_not_kept(shared: httpx.Client) -> None:
    answer = shared.get("/assets/none-12345678.js")
    assert answer.status_code == 404
    assert "cache-control" not in answer.headers


class Counting:
    """An app that counts what it is asked, and answers with the count."""

    def __init__(self, content_type: str = "text/html") -> None:
        self.asked: list[str] = []
        self._type = content_type.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        headers = [(b"content-type", self._type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 1000})


def test_a_page_is_made_once_whoever_asks_with_whatever_query() -> None:
    app = Counting()
    client = TestClient(Caching(app))
    for n in range(3):
        assert client.get(f"/?tab={n}", headers={"Cookie": f"lab_person={n}"}).text == "x" * 1000
    assert app.asked == ["/"]
    for path in ("/?deep_link=a", "/?page=b", "/config?page=b", "/status", "/teacher"):
        client.get(path), client.get(path)
    assert len(app.asked) == 11
    client.post("/"), client.head("/")
    assert len(app.asked) == 13


def test_made_up_hosts_push_each_other_out() -> None:
    app = Counting()
    client = TestClient(Caching(app))
    for n in [*range(MOST_PAGES + 1), 0]:
        client.get("/", headers={"Host": f"h{n}.example"})
    assert len(app.asked) == MOST_PAGES + 2


def test_an_event_stream_is_marked_for_proxies() -> None:
    answer = TestClient(Caching(Counting("text/event-stream; charset=utf-8"))).get("/any")
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["cache-control"] == "no-cache"
    assert "x-accel-buffering" not in TestClient(Caching(Counting())).get("/any").headers


def events(site: str, session: str) -> http.client.HTTPResponse:
    """Begin to read the page's own stream, asking for compression as a browser does."""
    host, path = urlsplit(site).netloc, urlsplit(site).path
    connection = http.client.HTTPConnection(host)
    headers = {"Accept-Encoding": "gzip, deflate, br"}
    address = f"{path}/gradio_api/queue/data?session_hash={session}"
    connection.request("GET", address, headers=headers)
    return connection.getresponse()


def join(site: str, session: str, api_name: str, data: list[object]) -> str:
    """Press a button as the page does; return the event's id."""
    config = httpx.get(f"{site}/config").json()
    [index] = [d["id"] for d in config["dependencies"] if d["api_name"] == api_name]
    body = {"data": data, "fn_index": index, "session_hash": session}
    return str(httpx.post(f"{site}/gradio_api/queue/join", json=body).json()["event_id"])


def test_a_stream_comes_as_it_is_made_uncompressed_and_in_parts(
    site: str, lab: Lab, slowly: Channel[object]
) -> None:
    event = join(site, "parts", "complete", LONG)
    answer = events(site, "parts")
    assert answer.getheader("x-accel-buffering") == "no"
    assert answer.getheader("cache-control") == "no-cache"
    assert answer.getheader("content-encoding") is None
    seen = []
    while not seen or seen[-1]["msg"] != "process_generating":
        line = answer.readline().strip()
        if line:
            seen.append(json.loads(line.removeprefix(b"data: ")))
    assert seen[-1]["event_id"] == event
    assert lab.status().active_streams == 1  # it came while the run goes on
    answer.close()
    assert until(lambda: lab.status().active_streams == 0)


def test_a_silent_stream_is_kept_alive() -> None:
    from gradio.utils import get_heartbeat_rate

    assert get_heartbeat_rate() < 15


class Cable:
    """A way to a site that can be cut, and goes silent, as a laptop's network does."""

    def __init__(self, site: str) -> None:
        self._there = ("127.0.0.1", int(urlsplit(site).port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.site = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self.whole = threading.Event()  # bytes pass
        self.refused = False
        self.whole.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            if self.refused:
                here.close()
                continue
            there = socket.create_connection(self._there)
            self._ends += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self.whole.wait()
                target.sendall(data)
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break all connections; new ones are refused until `refused` is taken back."""
        self.refused = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()
        self.whole.set()

    def close(self) -> None:
        """End it all."""
        self.cut()
        self._listener.close()


@pytest.fixture
def cable(site: str) -> Iterator[Cable]:
    cable = Cable(site)
    yield cable
    cable.close()


# last in the file: playwright's event loop then runs in this thread
@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("how", ["cut", "silent"])
def test_a_page_outlives_its_connection(
    chromium: Browser,  # noqa: F811
    cable: Cable,
    lab: Lab,
    slowly: Channel[object],
    lang: Lang,
    how: str,
) -> None:
    says = words(lang)
    with visit(chromium, cable.site, lang=lang, size=LAPTOP, tab="generate") as page:
        page.goto(f"{page.url}&temperature=100&max_new_tokens=512")  # a run of some length
        page.locator("#generate-go").wait_for()
        page.evaluate("window.before = true")
        if how == "silent":  # counted from the last bytes that came before
            page.evaluate("window.lab.silentMs = 3000")
        page.locator("#generate-prompt textarea").fill("Tell me a story about a typed cat.")
        page.locator("#generate-go").click()
        page.locator("#generate-strip button.t").nth(3).wait_for()
        if how == "silent":
            cable.whole.clear()
        else:
            cable.cut()
        toast = page.locator(".toast-body")
        expect(toast.first).to_contain_text(says("connection.lost"), timeout=15_000)
        if how == "cut":  # a button that is pressed meanwhile says so too, and breaks nothing
            page.locator("#generate-go").click()
            expect(toast.last).to_contain_text(says("connection.away"), timeout=15_000)
        shown = page.locator("#generate-strip button.t").count()
        assert shown > 3
        cable.cut()
        assert until(lambda: lab.status().active_streams == 0)
        cable.refused = False
        slowly.close()
        page.evaluate("window.lab.silentMs = 35000")
        page.locator("#generate-go").click()
        ended = says("reason.length")
        expect(page.locator("#generate-status")).to_contain_text(ended, timeout=60_000)
        assert page.locator("#generate-prompt textarea").input_value().endswith("a typed cat.")
        assert page.evaluate("window.before")  # it was not loaded anew
