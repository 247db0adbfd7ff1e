"""The walk of a token names what exists, in both languages the same, and prints what it says."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from backend.catalog import ROOT

WALKS = ("docs/walk.md", "docs/walk.ja.md")
PLACE = re.compile(
    r"`((?:backend|demo|tests|benchmarks)/[\w/]+\.(?:py|js))`(?:[:：]\s*`([\w.]+)`)?"
)
NUMBER = re.compile(r"-?\d+\.\d+")


def text(walk: str) -> str:
    return (ROOT / walk).read_text("utf-8")


def names(node: ast.AST, before: str = "") -> Iterator[str]:
    """Yield the dotted names of functions, classes and assignments, nested ones too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield before + child.name
            yield from names(child, f"{before}{child.name}.")
        elif isinstance(child, (ast.Assign, ast.AnnAssign)):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            yield from (before + t.id for t in targets if isinstance(t, ast.Name))


@pytest.mark.parametrize("walk", WALKS)
def test_every_file_and_function_on_the_way_exists(walk: str) -> None:
    places = PLACE.findall(text(walk))
    assert len({path for path, _ in places}) > 20
    for path, name in places:
        source = (ROOT / path).read_text("utf-8")
        if name and path.endswith(".js"):
            assert f"function {name}(" in source, (path, name)
        elif name:
            assert name in set(names(ast.parse(source))), (path, name)


def test_both_languages_walk_the_same_way() -> None:
    english, japanese = ({place for place in PLACE.findall(text(walk))} for walk in WALKS)
    assert english == japanese
    stops = [re.findall(r"^## (\d+)\.", text(walk), re.M) for walk in WALKS]
    assert stops[0] == stops[1] == [str(n + 1) for n in range(len(stops[0]))]


@pytest.mark.slow
@pytest.mark.parametrize("walk", WALKS)
def test_the_record_is_the_one_that_is_printed(walk: str) -> None:
    [code] = re.findall(r"```python\n(.*?)```", text(walk), re.S)
    [shown] = re.findall(r"```text\n(.*?)```", text(walk), re.S)
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert NUMBER.sub("", ran.stdout).split() == NUMBER.sub("", shown).split()
    got, want = (list(map(float, NUMBER.findall(said))) for said in (ran.stdout, shown))
    assert got == pytest.approx(want, abs=0.002)
