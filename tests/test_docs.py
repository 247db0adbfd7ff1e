"""What the documents say is what the code does: generated parts, paths, snippets."""

import re
from pathlib import Path

import pytest

from backend.catalog import ROOT
from backend.settings import Settings
from demo import docs
from demo.words import words

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.slow
@pytest.mark.parametrize("path", [docs.API, *docs.READMES.values()], ids=str)
def test_generated_parts_are_current(path: Path) -> None:
    def but_files(text: str) -> str:
        return docs.between(text, "files", "")

    text = (ROOT / path).read_text("utf-8")
    assert but_files(text) == but_files(docs.pages()[path]), "run make docs"


def test_the_readme_names_every_file_and_no_other() -> None:
    def names(text: str) -> set[str]:
        block = text.partition("<!-- files -->")[2] or text
        return {line.split()[0] for line in block.splitlines() if "/" in line.split(" ")[0]}

    assert names((ROOT / "README.md").read_text("utf-8")) == names(docs.tree()), "run make docs"


def test_the_japanese_table_is_japanese() -> None:
    table = docs.settings_table(words("ja"))
    assert table.count("LAB_") >= len(Settings.__dataclass_fields__)
    for row in table.splitlines()[2:]:
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", row.split("|")[-2]), row


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "README.ja.md",
        "CHANGELOG.md",
        "docs/course-map.md",
        "docs/openai.md",
        "docs/walk.md",
        "docs/walk.ja.md",
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in LINK.findall(path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in ("README.md", "README.ja.md"):
        for target in re.findall(
            r"`make ([\w-]+)`|^make ([\w-]+)", (ROOT / name).read_text("utf-8")
        ):
            assert re.search(rf"^{''.join(target)}:", makefile, re.M), target
