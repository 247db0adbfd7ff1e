"""Search: our own pages, the web through a fake of ddgs' type, cache, back-off, what is cleaned."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from backend.duckduckgo import duckduckgo, import_packages
from backend.errors import LabError
from backend.retrieval import FIRST_REST_S, Found, Retrieval, cleaned, link_of

ROWS = [
    {"title": "One", "href": "https://a.example/1", "body": "The first body."},
    {"title": "Two", "href": "javascript:alert(1)", "body": "The second body."},
]


class FakeDDGS:
    """ddgs.DDGS as far as it is used: a context manager with `text`."""

    asked: list[dict]
    answer: Callable[[], list[dict]]

    def __init__(self, proxy: str | None = None, timeout: int | None = 5, **kw: object) -> None:
        self.timeout = timeout

    def __enter__(self) -> "FakeDDGS":
        return self

    def __exit__(self, *left: object) -> None:
        return None

    def text(self, query: str, **settings: object) -> list[dict]:
        type(self).asked.append({"query": query, **settings})
        return type(self).answer()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeDDGS]:
    import ddgs

    import_packages()  # before a search, whose limit would count it
    made = type("DDGS", (FakeDDGS,), {"asked": [], "answer": staticmethod(lambda: ROWS)})
    monkeypatch.setattr(ddgs, "DDGS", made)
    return made


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def failing(error: Exception) -> Callable[[], list[dict]]:
    def answer() -> list[dict]:
        raise error

    return answer


@pytest.mark.slow
def test_nothing_of_the_search_packages_is_imported_before_the_first_search() -> None:
    code = (
        "import sys, demo.app, backend.lab\n"
        "from backend.settings import Settings\n"
        "lab = backend.lab.Lab(Settings())\n"
        "lab.retrieval.search('NAIST', 'offline')\n"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('ddgs', 'primp', 'langchain_community', 'langchain_core')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_web_is_asked_as_langchain_asks_it(fake: type[FakeDDGS]) -> None:
    found = Retrieval().search("  NAIST\n ", "web", most=2)
    assert (found.source, found.query) == ("web", "NAIST")
    assert [hit.title for hit in found.hits] == ["One", "Two"]
    assert [hit.link for hit in found.hits] == ["https://a.example/1", ""]
    asked = fake.asked[0]
    assert (asked["query"], asked["backend"], asked["max_results"]) == ("NAIST", "duckduckgo", 2)
    assert asked["timelimit"] is None  # else only the last year is searched


def test_without_langchain_ddgs_is_asked_itself(
    fake: type[FakeDDGS], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "langchain_community.tools", None)
    direct = duckduckgo("NAIST", 2)
    monkeypatch.undo()
    assert [hit.snippet for hit in cleaned(direct, 5)] == ["The first body.", "The second body."]
    assert fake.asked[0]["backend"] == "duckduckgo"


def test_an_answer_is_kept_for_a_while(fake: type[FakeDDGS]) -> None:
    clock = Clock()
    searching = Retrieval(clock=clock)
    assert searching.search("NAIST").source == "web"
    assert searching.search(" NAIST ").source == "cached"
    assert searching.search("Nara").source == "web"
    clock.now += 3601
    assert searching.search("NAIST").source == "web"
    assert searching.asked == len(fake.asked) == 3


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (type("RatelimitException", (Exception,), {})("202"), "rate_limit"),
        (Exception("https://lite.duckduckgo.com/lite/ 202 Ratelimit"), "rate_limit"),
        (type("TimeoutException", (Exception,), {})("late"), "timeout"),
        (Exception("No results found."), "nothing"),
        (Exception("ConnectError: dns error"), "failed"),
    ],
)
def test_a_failure_gives_our_own_pages_and_a_rest(
    fake: type[FakeDDGS], error: Exception, failure: str
) -> None:
    fake.answer = staticmethod(failing(error))  # type: ignore[assignment]
    clock = Clock()
    searching = Retrieval(clock=clock)
    found = searching.search("NAIST", "auto")
    assert (found.source, found.failure) == ("offline", failure)
    assert found.hits[0].title == "NAIST"
    assert 0 < found.wait_s <= FIRST_REST_S + 1
    assert searching.search("NAIST", "auto").failure == "resting"
    assert searching.asked == 1
    with pytest.raises(LabError) as told:
        searching.search("NAIST", "web")
    assert told.value.code == "search_resting"
    clock.now += FIRST_REST_S + 1
    with pytest.raises(LabError) as told:
        searching.search("NAIST", "web")
    assert told.value.code == f"search_{failure}"
    assert searching.wait_s > FIRST_REST_S  # twice as long


def test_a_good_answer_ends_the_back_off(fake: type[FakeDDGS]) -> None:
    clock = Clock()
    searching = Retrieval(clock=clock)
    fake.answer = staticmethod(failing(Exception("x")))  # type: ignore[assignment]
    searching.search("a b")
    clock.now += FIRST_REST_S + 1
    fake.answer = staticmethod(lambda: ROWS)  # type: ignore[assignment]
    assert searching.search("a b").source == "web"
    fake.answer = staticmethod(failing(Exception("x")))  # type: ignore[assignment]
    assert searching.search("c d").wait_s <= FIRST_REST_S + 1


def test_a_network_cut_in_mid_search_is_left_behind() -> None:
    cut, ended = threading.Event(), list[str]()

    def hangs(query: str, most: int) -> list:
        cut.wait(60)
        ended.append(query)
        return []

    searching = Retrieval(ask=hangs, limit_s=0.3)
    found = searching.search("NAIST")
    assert not ended
    cut.set()
    assert (found.source, found.failure) == ("offline", "timeout")
    assert found.hits[0].title == "NAIST"


def test_a_class_that_searches_a_dead_network_leaves_few_threads_behind() -> None:
    cut = threading.Event()
    begun = []

    def hangs(query: str, most: int) -> list:
        begun.append(query)
        cut.wait(60)
        return []

    searching = Retrieval(ask=hangs, limit_s=0.5)
    found: list[Found] = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(searching.search(f"NAIST {i}")))
        for i in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    cut.set()
    assert len(found) == 40
    assert {f.source for f in found} == {"offline"}
    assert max(f.wait_s for f in found) <= FIRST_REST_S + 1  # one failure, not forty
    assert len(begun) <= 4


def test_the_setting_decides() -> None:
    def never(query: str, most: int) -> list:
        raise AssertionError("the web was asked")

    closed = Retrieval("offline", ask=never)
    assert closed.search("NAIST", "auto").source == "offline"
    with pytest.raises(LabError) as told:
        closed.search("NAIST", "web")
    assert told.value.code == "search_offline"
    with pytest.raises(LabError) as told:
        Retrieval("web", ask=never).search("NAIST", "auto")  # no quiet way back
    assert told.value.code == "search_failed"
    assert Retrieval("web", ask=never).search("NAIST", "offline").source == "offline"


@pytest.mark.parametrize("query", ["", "  \n", None, 3, ["a"], "x" * 301, "\u200b\x00"])
def test_a_query_is_some_text(query: object) -> None:
    with pytest.raises(LabError) as told:
        Retrieval().search(query, "offline")
    assert told.value.code == "query"


@pytest.mark.parametrize("source", ["", "live", None, 1, ["web"]])
def test_a_source_is_one_of_three(source: object) -> None:
    with pytest.raises(LabError):
        Retrieval().search("NAIST", source)


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://a.example/x?y=1#z", True),
        ("http://a.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//a.example", False),
        ("/corpus/en-naist", False),
        ("https://", False),
        ('https://a.example/"onclick=', False),
        ("https://a.example/\u202e", False),
        ("https://[", False),
        (None, False),
        ("https://a.example/" + "x" * 600, False),
    ],
)
def test_links_are_http_or_nothing(link: object, kept: bool) -> None:
    assert bool(link_of(link)) is kept


def test_what_comes_back_is_text_of_a_length() -> None:
    rows = [
        {"title": "a\x00\u202eb\n c", "link": "https://a.example", "snippet": "x" * 5000},
        {"title": None, "link": 3, "snippet": "kept"},
        {"title": "no snippet", "link": "https://a.example"},
        "a text",
        None,
    ]
    first, second = cleaned(rows, 5)
    assert first.title == "ab c"
    assert len(first.snippet) == 1200
    assert (second.title, second.link, second.snippet) == ("", "", "kept")
