"""A model's name taken apart: conventions of its makers, not a promise. The catalogue decides."""

import re
from dataclasses import dataclass
from typing import Literal

What = Literal["maker", "family", "version", "size", "role", "format", "other"]
ROLES: dict[str, Literal["base", "chat"]] = {
    "base": "base",
    "chat": "chat",
    "instruct": "chat",
    "sft": "chat",
    "it": "chat",
    "dpo": "chat",
    "rlhf": "chat",
}
SIZE = re.compile(r"\d+(\.\d+)?[bm]", re.I)
VERSION = re.compile(r"v?\d+(\.\d+)*", re.I)
FAMILY = re.compile(r"(?P<family>[a-z]+)(?P<version>\d+(\.\d+)*)", re.I)  # Qwen2.5


@dataclass(frozen=True, kw_only=True)
class NamePart:
    """A piece of a name and what it usually says."""

    text: str
    what: What


def name_parts(name: str) -> list[NamePart]:
    """Take `maker/family-version-size-role-format` apart, in the order in which it is written."""
    maker, slash, rest = name.rpartition("/")
    found = [NamePart(text=maker, what="maker")] if slash else []
    for n, piece in enumerate(rest.split("-")):
        together = FAMILY.fullmatch(piece)
        if SIZE.fullmatch(piece):
            found.append(NamePart(text=piece, what="size"))
        elif VERSION.fullmatch(piece):
            found.append(NamePart(text=piece, what="version"))
        elif piece.lower() in ROLES:
            found.append(NamePart(text=piece, what="role"))
        elif piece.lower() == "hf":
            found.append(NamePart(text=piece, what="format"))
        elif together and n == 0:
            found.append(NamePart(text=together["family"], what="family"))
            found.append(NamePart(text=together["version"], what="version"))
        else:
            known = any(part.what == "family" for part in found)
            found.append(NamePart(text=piece, what="other" if known else "family"))
    return found


def said_role(name: str) -> Literal["base", "chat", ""]:
    """Return the role that a name says, empty where it says none."""
    parts = (part.text.lower() for part in name_parts(name) if part.what == "role")
    return next((ROLES[text] for text in parts), "")
