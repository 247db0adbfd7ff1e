"""Bytes on a disk: a model's files, the cache's folders and repositories, model against library."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from backend.hub_cache import CachedRepo, Folder
from backend.types import ModelInfo
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words


def size(count: int) -> str:
    """Write bytes in the unit in which they read best; exact below 1 KiB."""
    if count < 2**10:
        return f"{count} B"
    for power, unit in ((30, "GiB"), (20, "MiB")):
        if count >= 2**power:
            return f"{count / 2**power:,.1f} {unit}"
    return f"{count / 2**10:,.1f} KiB"


def bars(rows: Sequence[tuple[str, int]], label: str) -> str:
    """Draw named sizes as bars, each against the largest, with the exact bytes."""
    most = max((count for _, count in rows), default=0) or 1
    shown = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="track"><i style="width:'
        f'{100 * count / most:.1f}%"></i></td><td>{count:,}</td><td>{size(count)}</td></tr>'
        for name, count in rows
    )
    return table(label, shown, "grid sizes")


def model_files(info: ModelInfo, folder: Path | None, words: Words) -> str:
    """The loaded model as the files it was read from, and what its parameters are."""
    title = words("start.files")
    if folder is None:
        return heading(title, words) + f"<div>{escape(words('start.files_away'))}</div>"
    files = [(p.name, p.stat().st_size) for p in folder.iterdir() if p.is_file()]
    files.sort(key=lambda row: (-row[1], row[0]))
    total = sum(count for _, count in files)
    parameters = words(
        "start.parameters",
        model=info.model,
        n=f"{info.parameters:,}",
        precision=info.precision,
        device=info.device,
        seconds=f"{info.load_s:.2f}",
    )
    return (
        heading(title, words, "measured")
        + f'<div class="src"><code>{escape(str(folder))}</code></div>'
        + bars(files, title)
        + f"<div>{escape(words('start.total', n=f'{total:,}', size=size(total)))}</div>"
        + f'<div class="src">{escape(parameters)}</div>'
        + f'<div class="src">{escape(words("start.files_note"))}</div>'
    )


def weights_file_bytes(folder: Path) -> int:
    """Return the bytes of the weight files in a model's folder."""
    kinds = ("*.safetensors", "*.bin")
    return sum(p.stat().st_size for kind in kinds for p in folder.glob(kind))


def cache_html(
    folders: Sequence[Folder], repos: Sequence[CachedRepo], token: str, words: Words
) -> str:
    """The folders as resolved, the repositories in them, and whether there is a token."""
    heads = "".join(
        f'<th scope="col">{escape(words(f"start.{key}"))}</th>'
        for key in ("variable", "resolved", "set", "bytes")
    )
    rows = ""
    for folder in folders:
        holds = words("start.token_there") if folder.variable == "HF_TOKEN_PATH" else ""
        amount = "-" if not folder.exists else holds or size(folder.bytes)
        told = words("start.set_yes" if folder.is_set else "start.set_no")
        rows += (
            f'<tr><th scope="row">{folder.variable}</th><td>{escape(str(folder.path))}</td>'
            f'<td class="text">{escape(told)}</td><td>{escape(amount)}</td></tr>'
        )
    title = words("start.folders")
    inside = words("start.inside")
    held = (
        bars([(f"{repo.kind} {repo.id}", repo.bytes) for repo in repos], inside)
        if repos
        else f"<div>{escape(words('start.nothing'))}</div>"
    )
    return (
        heading(title, words, "measured")
        + table(title, f"<tr>{heads}</tr>{rows}", "grid facts")
        + f"<div>{escape(words(f'start.token_{token}'))}</div>"
        + heading(inside, words, "measured")
        + held
    )
