"""What the course says of search and RAG, with what the installed packages and the model say."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from backend.lab import Lab
from backend.types import SamplingParams
from demo.rag import FALLBACK, messages
from demo.widgets import marks
from demo.widgets.fold import table
from demo.words import Words


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A line of an installed package that shows a claim, found by a piece of it."""

    claim: str  # key of the sentence it belongs to
    package: str
    file: str
    piece: str


EVIDENCE = (
    Evidence(
        claim="scraped", package="ddgs", file="engines/duckduckgo.py", piece="search_url ="
    ),
    Evidence(
        claim="renamed",
        package="langchain_community",
        file="utilities/duckduckgo_search.py",
        piece="from ddgs import DDGS",
    ),
    Evidence(
        claim="sunset", package="langchain_community", file="__init__.py", piece="sunset"
    ),
    Evidence(claim="silent", package="ddgs", file="base.py", piece="status_code == 200"),
    Evidence(
        claim="year",
        package="langchain_community",
        file="utilities/duckduckgo_search.py",
        piece="time: Optional[str] =",
    ),
    Evidence(
        claim="engines",
        package="langchain_community",
        file="utilities/duckduckgo_search.py",
        piece="backend: str =",
    ),
)  # fmt: skip


def found(evidence: Evidence) -> str:
    """Return the line, read without importing the package; empty where it is not there."""
    spec = find_spec(evidence.package)
    if spec is None or not spec.origin:
        return ""
    path = Path(spec.origin).parent / evidence.file
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return next((line.strip() for line in lines if evidence.piece in line), "")


def release(name: str) -> str:
    """Return an installed version, or a dash."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "–"


def prompt_counts(lab: Lab, question: str, message: str, person: str) -> tuple[str, str]:
    """Return what the model answers without and with a passage in its prompt; blocks."""
    params = SamplingParams(max_new_tokens=32, num_alternatives=0)
    alone, told = (
        lab.generate(messages(text), params, model=FALLBACK, operation="ask", person=person)[0]
        for text in (question, message)
    )
    return alone.text.strip(), told.text.strip()


def packages_html(words: Words) -> str:
    """Draw the evidence, one row per claim."""
    rows = "".join(
        f'<tr><th scope="row">{escape(words(f"search.claim_{evidence.claim}"))}</th>'
        f"<td>{escape(found(evidence) or words('search.not_found'))}</td>"
        f"<td>{escape(evidence.package)}/{escape(evidence.file)}</td></tr>"
        for evidence in EVIDENCE
    )
    versions = words(
        "search.versions", ddgs=release("ddgs"), langchain=release("langchain-community")
    )
    title = words("search.evidence_title")
    return marks.heading(title, words, "measured", versions) + table(title, rows, "grid evidence")


def claims_html(words: Words, lines: Sequence[str]) -> str:
    """Draw the course's claims and what is so; `lines` are the model's two answers."""
    alone, told = lines
    said = words("search.claim_prompt_shown", alone=alone, told=told)
    points = "".join(
        f"<li>{escape(words(f'search.course_{name}'))}</li>" for name in ("prompt", "lewis", "api")
    )
    return (
        marks.heading(words("search.claims_title"), words, "measured")
        + f'<ul class="prose">{points}</ul><p>{escape(said)}</p>'
        + packages_html(words)
    )
