"""The machine and its libraries as tables, with what True and False of CUDA mean."""

from collections.abc import Sequence
from html import escape

from backend.machine import Library, Machine
from demo.widgets.disk import size
from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words


def machine_html(here: Machine, libraries: Sequence[Library], floor: str, words: Words) -> str:
    """Draw both tables; `floor` is the Python that transformers asks for."""
    cuda = str(here.cuda)
    rows = [
        ("Python", here.python, words("start.floor", floor=floor)),
        (words("start.system"), here.system, ""),
        (words("start.cores"), str(here.cores), words("start.cores_note")),
        (
            words("start.memory"),
            size(here.memory),
            words("start.memory_note", used=size(here.memory_used)),
        ),
        (
            "torch.cuda.is_available()",
            cuda,
            words(f"start.cuda_{cuda.lower()}", build=here.cuda_build or words("start.no_cuda")),
        ),
    ]
    if here.cuda:
        rows.append((words("start.gpu"), here.gpu, size(here.gpu_memory)))
    shown = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td>'
        f'<td class="text">{escape(note)}</td></tr>'
        for name, value, note in rows
    )
    absent = f"<i>{escape(words('start.absent'))}</i>"
    versions = "".join(
        f'<tr><th scope="row">{escape(lib.name)}</th><td>{escape(lib.version) or absent}</td></tr>'
        for lib in libraries
    )
    title, second = words("start.machine"), words("start.libraries")
    return (
        heading(title, words, "measured")
        + table(title, shown, "grid facts")
        + heading(second, words, "measured")
        + table(second, versions)
        + f'<div class="src">{escape(words("start.absent_note"))}</div>'
    )
