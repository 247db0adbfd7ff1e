"""Every short string of the page in one language, by key; a missing key is an error."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from backend.errors import LabError

Lang = Literal["en", "ja"]
LANGS: tuple[Lang, ...] = get_args(Lang)
HERE = Path(__file__).parent
RANGE = re.compile(r"(-?\d+) to (-?\d+)")  # what the backend writes of limits it works out


class Words:
    """`words("generate.go")` is a string of this language; `**values` fill its placeholders."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self._texts = flat(json.loads((HERE / "locales" / f"{lang}.json").read_text("utf-8")))

    def __call__(self, key: str, **values: object) -> str:
        text = self._texts[key]
        return text.format_map(values) if values else text

    def has(self, key: str) -> bool:
        """True where there is such a string."""
        return key in self._texts

    def lesson(self, tab: str) -> tuple[str, str]:
        """Return the tab's idea in one sentence, and its lesson as Markdown."""
        text = (HERE / "lessons" / f"{tab}.{self.lang}.md").read_text("utf-8")
        title, _, body = text.removeprefix("## ").partition("\n")
        return title, body.strip()

    def error(self, error: LabError) -> str:
        """Say in one or two sentences what was wrong, where, and what to do."""
        key = f"errors.{error.code}"
        if not self.has(key):
            return str(error)
        values = {name: str(value) for name, value in error.values.items()}
        if "field" in values and self.has(f"fields.{values['field']}"):
            shown = self(f"fields.{values['field']}")
            values["field"] = f"{shown} ({values['field']})"
        if "allowed" in values:
            values["allowed"] = self.of("allowed", values["allowed"])
        return self._texts[key].format_map(_Blank(values))

    def of(self, section: str, english: str) -> str:
        """Return what the backend says in English in this language, where it has it."""
        known = self._texts.get(f"{section}.{english}")
        span = RANGE.fullmatch(english)
        if known is None and span and self.has(f"{section}.range"):
            return self(f"{section}.range", low=span[1], high=span[2])
        return english if known is None else known


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Turn nested sections into dotted keys."""
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found


@cache
def words(lang: Lang) -> Words:
    """Return the strings of a language."""
    return Words(lang)


def choose_lang(query: str | None, cookie: str | None, accept: str, default: str) -> Lang:
    """Return the reader's language: the link's, the remembered one, the browser's, LAB_LANG."""
    for wish in (query, cookie):
        for lang in LANGS:
            if wish == lang:
                return lang
    ranked = []
    for order, part in enumerate(accept.split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), order, name.lower()[:2]))
        except ValueError:
            continue
    for _, _, name in sorted(ranked):
        for lang in LANGS:
            if name == lang:
                return lang
    return "ja" if default == "ja" else "en"
