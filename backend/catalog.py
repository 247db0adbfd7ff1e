"""MODELS: what is known of a model before it is loaded. One row is one model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A known model. `path` is set for those that lie in the repository."""

    id: str
    kind: Literal["base", "chat"]
    licence: str
    parameters: int
    gated: bool = False
    has_system_role: bool = False
    path: Path | None = None

    @property
    def source(self) -> str:
        """What `from_pretrained` takes: a folder or a hub id."""
        return str(self.path) if self.path else self.id


_ENTRIES = (
    CatalogEntry(
        id="pocket-chat",
        kind="chat",
        licence="as this repository",
        parameters=2_950_000,
        has_system_role=True,
        path=ROOT / "pocket" / "weights" / "chat",
    ),
    CatalogEntry(
        id="pocket-base",
        kind="base",
        licence="as this repository",
        parameters=2_950_000,
        path=ROOT / "pocket" / "weights" / "base",
    ),
    CatalogEntry(
        id="meta-llama/Llama-2-7b-chat-hf",
        kind="chat",
        licence="Llama 2 Community",
        parameters=6_738_415_616,
        gated=True,
        has_system_role=True,
    ),
    CatalogEntry(
        id="meta-llama/Llama-2-7b-hf",
        kind="base",
        licence="Llama 2 Community",
        parameters=6_738_415_616,
        gated=True,
    ),
)
MODELS: Mapping[str, CatalogEntry] = {entry.id: entry for entry in _ENTRIES}
POCKET = tuple(entry.id for entry in _ENTRIES if entry.path)
