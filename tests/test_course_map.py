"""Every piece of the course has a place in docs/course-map.md, and what is named there exists."""

import re

import pytest

from backend.catalog import ROOT
from demo import docs
from demo.app import TABS

MAP = ROOT / "docs" / "course-map.md"
COURSE = ROOT.parent / "shared" / "tutorial" / "course-map.md"
SECTIONS = {
    *("Start", "Generate", "Diversity", "Decoding", "Memory", "Prompt", "Shots", "Chat", "Search")
}
Row = tuple[str, ...]


def rows(text: str, width: int) -> list[Row]:
    """The cells of every table row of a width, without the heads."""
    found = []
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if line.startswith("|") and len(cells) == width and not set(cells[0]) <= set("-"):
            found.append(cells)
    return found[1:]


def spread(cell: str) -> set[str]:
    """Every name in a cell: `S1-S3, 9` is S1, S2, S3 and 9."""
    names = set()
    for part in re.split(r",\s*", cell):
        span = re.fullmatch(r"([A-Z]?)(\d+)\s*[-–]\s*[A-Z]?(\d+)", part)
        if span:
            letter, first, last = span.groups()
            names |= {f"{letter}{n}" for n in range(int(first), int(last) + 1)}
        else:
            names.add(part)
    return names


def ours() -> list[Row]:
    return rows(MAP.read_text("utf-8"), 4)


def wanted() -> dict[str, set[str]]:
    """What the course map names for these sections: kind -> blocks by name, notes by line."""
    if not COURSE.exists():
        pytest.skip("the course's map is not here: it is kept outside the repository")
    text = COURSE.read_text("utf-8")
    blocks = [(row[0], row[4]) for row in rows(text, 6)]
    letters = [(row[0], row[3]) for row in rows(text, 5)]
    notes = [(row[0], row[2]) for row in rows(text, 4)]

    def named(pairs: list[tuple[str, str]]) -> set[str]:
        chosen = [name for name, tab in pairs if set(re.split(r"\W+", tab)) & SECTIONS]
        return set().union(*map(spread, chosen))

    return {"blocks": named(blocks) | named(letters), "lines": named(notes)}


def test_cells_are_read() -> None:
    assert spread("S1-S3, 9") == {"S1", "S2", "S3", "9"}
    assert spread("31–33") == {"31", "32", "33"}
    assert rows("| a | b |\n|---|---|\n| 1 | 2 |\nx", 2) == [("1", "2")]


def test_every_block_of_these_sections_has_a_place() -> None:
    placed = set().union(*(spread(row[0]) for row in ours()))
    blocks = wanted()["blocks"]
    assert {*map(str, range(1, 55)), "S1", "M1", "M4", "T4", "T8"} <= blocks
    assert not blocks - placed


def test_every_note_and_exercise_of_these_sections_has_a_place() -> None:
    placed = set().union(*(spread(row[1]) for row in ours()))
    lines = wanted()["lines"]
    assert {"9", "227", "829", "1251", "1322", "1554", "1683"} <= lines
    assert not lines - placed


def test_every_snippet_is_named_and_every_snippet_named_is_there() -> None:
    named = {name for row in ours() for name in re.findall(r"demo/snippets/\w+\.py", row[2])}
    there = {name for name in docs.tracked() if name.startswith("demo/snippets/")}
    assert named >= there
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_place_is_a_tab() -> None:
    tabs = {tab for tab, _, _ in TABS}
    for row in ours():
        assert re.match(r"\w+", row[3])[0] in tabs, row  # type: ignore[index]
