"""The numbers of the course's OutOfMemoryError, each with its name, on the card's own length."""

from html import escape

from demo.widgets.fold import table
from demo.widgets.marks import heading
from demo.words import Words

# course, line 877: the message's own figures
TOTAL_GIB, IN_USE_GIB, ALLOCATED_GIB, RESERVED_GIB = 31.74, 31.68, 30.16, 1.16
FREE_MIB, ASKED_MIB = 53.12, 86.00
OTHER_GIB = round(IN_USE_GIB - ALLOCATED_GIB - RESERVED_GIB, 2)
FP16_7B_GIB = 6_738_415_616 * 2 / 2**30
MATRIX_MIB = 11008 * 4096 * 2 / 2**20  # one MLP matrix of Llama-2-7B in 16 bit


def oom(words: Words) -> str:
    """Draw the card's memory in four parts, and a table that says what each number is."""
    parts = (
        ("allocated", ALLOCATED_GIB, "a"),
        ("reserved", RESERVED_GIB, "b"),
        ("other", OTHER_GIB, "c"),
        ("free", FREE_MIB / 1024, "d"),
    )
    bar = "".join(
        f'<span class="{css}" style="flex:{max(gib, 0.12):.3f}"></span>' for _, gib, css in parts
    )
    figures = {
        "asked": f"{ASKED_MIB:.2f} MiB",
        "total": f"{TOTAL_GIB} GiB",
        "free": f"{FREE_MIB} MiB",
        "in_use": f"{IN_USE_GIB} GiB",
        "allocated": f"{ALLOCATED_GIB} GiB",
        "reserved": f"{RESERVED_GIB} GiB",
        "other": f"{OTHER_GIB} GiB",
    }
    keys = {name: css for name, _, css in parts}
    rows = "".join(
        f'<tr><th scope="row"><i class="swatch {keys.get(name, "")}"></i>'
        f"{escape(words(f'memory.oom_{name}'))}</th><td>{figure}</td>"
        f'<td class="text">{escape(words(f"memory.oom_{name}_means"))}</td></tr>'
        for name, figure in figures.items()
    )
    label = words("memory.oom_bar", allocated=ALLOCATED_GIB, total=TOTAL_GIB, free=FREE_MIB)
    notes = (
        words("memory.oom_matrix", matrix=f"{MATRIX_MIB:.2f}"),
        words(
            "memory.oom_copies",
            allocated=ALLOCATED_GIB,
            copy=f"{FP16_7B_GIB:.2f}",
            times=f"{ALLOCATED_GIB / FP16_7B_GIB:.1f}",
        ),
    )
    return (
        heading(words("memory.oom_head"), words, "recorded", words("memory.oom_source"))
        + f'<div class="oom" role="img" aria-label="{escape(label)}">{bar}</div>'
        + table(words("memory.oom_head"), rows)
        + "".join(f'<p class="src">{escape(note)}</p>' for note in notes)
    )
