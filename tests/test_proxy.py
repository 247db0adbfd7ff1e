"""The lab behind the real nginx: TLS, a path of its own, both languages, tokens in mid-stream."""

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from backend.channel import Channel
from backend.lab import Lab
from demo.words import Lang, words
from tests.browser import chromium  # noqa: F401  # a fixture
from tests.conftest import ROOT
from tests.test_scheduler import until

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed"),
]
LONG = {
    "model": "pocket-chat",
    "prompt": "Tell me a story about a dragon.",
    "max_tokens": 500,
    "temperature": 5.0,
    "seed": 1,
    "stream": True,
}


@pytest.fixture(scope="module")
def proxy(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The lab's address behind deploy/nginx.conf, of which only names and ports are changed."""
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", folder / "key.pem", "-out", folder / "fullchain.pem"),
        ],
        check=True,
        capture_output=True,
    )
    server = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    for written, here in (
        ("127.0.0.1:7860", urlsplit(site).netloc),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("    listen [::]:443 ssl;\n", ""),
        ("lab.example.org", "localhost"),
        ("/etc/ssl/lab", str(folder)),
    ):
        assert written in server
        server = server.replace(written, here)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{server}\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-e", folder / "log", "-c", folder / "nginx.conf"])
    address = f"https://localhost:{port}/lab"

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/status", verify=False).status_code == 200
        except httpx.TransportError:
            return False

    assert until(answers), (folder / "log").read_text()
    yield address
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def client(proxy: str) -> Iterator[httpx.Client]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with httpx.Client(verify=context, timeout=30) as client:
        yield client


def test_a_reader_is_led_to_the_page_of_their_language(client: httpx.Client, proxy: str) -> None:
    moved = client.get(proxy, headers={"Accept-Language": "ja"})
    assert moved.headers["location"].endswith("/lab/")
    moved = client.get(f"{proxy}/?tab=chat", headers={"Accept-Language": "ja"})
    assert moved.headers["location"] == "/lab/ja/?tab=chat"
    page = client.get(f"{proxy}/ja/")
    assert page.status_code == 200
    assert f'"root":"{proxy}/ja"' in page.text.replace('": "', '":"')


def test_a_script_reaches_the_endpoints(proxy: str) -> None:
    script = Client(f"{proxy}/ja/", ssl_verify=False, verbose=False)
    pieces = script.predict("Tell me a story.", api_name="/tokenize")
    assert "".join(piece["text"] for piece in pieces).strip().endswith("a story.")


def test_probes_are_not_for_the_world(client: httpx.Client, proxy: str) -> None:
    for path in ("metrics", "livez", "readyz"):
        assert client.get(f"{proxy}/{path}").status_code == 404


def test_tokens_come_as_they_are_made_and_leaving_is_seen(
    client: httpx.Client, proxy: str, lab: Lab, slowly: Channel[object]
) -> None:
    with client.stream("POST", f"{proxy}/v1/completions", json=LONG) as answer:
        assert answer.status_code == 200
        lines = (line for line in answer.iter_lines() if line.startswith("data: {"))
        assert json.loads(next(lines).removeprefix("data: "))["choices"]
        assert lab.status().active_streams == 1  # it came while the run goes on
    assert until(lambda: lab.status().active_streams == 0)


@pytest.mark.browser
def test_a_person_is_known_in_another_sites_frame(
    chromium: Browser,  # noqa: F811
    site: str,
    proxy: str,
) -> None:
    """As Spaces show a page; a browser drops other cookies there."""
    context = chromium.new_context(locale="en-US", ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{site}/livez")  # 127.0.0.1: to a browser another site than localhost
    page.evaluate("src => document.body.append(Object.assign(document.createElement('iframe'), {src}))", f"{proxy}/")  # fmt: skip  # noqa: E501
    expect(page.frame_locator("iframe").locator("#generate-go")).to_be_visible(timeout=30_000)
    with page.expect_request("**/status", timeout=30_000) as asked:
        pass  # the page's frame asks by itself
    assert "lab_person=" in asked.value.all_headers().get("cookie", "")
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_works_under_the_path(
    chromium: Browser,  # noqa: F811
    proxy: str,
    lang: Lang,
) -> None:
    says, left, failed = words(lang), list[str](), list[str]()
    locale = {"ja": "ja-JP", "en": "en-US"}[lang]
    context = chromium.new_context(locale=locale, ignore_https_errors=True)
    page = context.new_page()
    page.on("request", lambda request: request.url.startswith((proxy, "data:", "blob:")) or left.append(request.url))  # fmt: skip  # noqa: E501
    page.on("response", lambda answer: answer.status < 400 or failed.append(answer.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(f"{proxy}/?tab=generate")
    page.locator("#generate-go").click()
    expect(page.locator("#generate-strip button.t").nth(5)).to_be_visible(timeout=30_000)
    expect(page.locator("#generate-status")).to_contain_text(says("reason.stop"), timeout=30_000)
    expect(page.locator("[data-model]")).to_contain_text("pocket-chat")
    other = {"en": "ja", "ja": "en"}[lang]
    page.locator(f"a[data-lang={other}]").click()
    page.wait_for_url(f"{proxy}/ja/**" if other == "ja" else f"{proxy}/?**")
    expect(page.locator("html")).to_have_attribute("lang", other)
    page.goto(f"{proxy}/teacher?lang={lang}")
    expect(page.locator("h1")).to_be_visible()
    context.close()
    assert not left
    assert not failed
