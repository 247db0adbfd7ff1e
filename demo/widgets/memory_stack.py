"""Memory as stacked bars with the device's limit, and the tables that say the same."""

from collections.abc import Mapping
from html import escape

from backend.catalog import MODELS
from backend.memory import MemoryEstimate, estimate, largest_context, shape_of
from backend.precision import PRECISIONS
from demo.widgets import marks
from demo.widgets.fold import table
from demo.words import Words

TERMS = ("weights", "quant_state", "kv_cache", "activations", "workspace")
MIB, GIB = 2**20, 2**30
LLAMA = "meta-llama/Llama-2-7b-chat-hf"
# course, lines 944 to 1101: torch.cuda.memory_summary of Llama-2-7b-chat, MiB
RECORDED: Mapping[str, tuple[int, int]] = {
    "fp32": (25713, 25815),
    "fp16": (12860, 12911),
    "int8": (6701, 6801),
    "fp4": (4000, 6426),
    "nf4-dq": (3695, 6426),
}
POSITIONS = 100  # of the course's run: max_length


def size(n_bytes: float) -> str:
    """Write bytes as people do: GiB from one on, MiB, or KiB."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.2f} {name}"
    return f"{n_bytes / 1024:.1f} KiB" if n_bytes else "0"


def stack(model: str, context: int, sequences: int, limit_bytes: float, words: Words) -> str:
    """Draw a model at every precision against a device's memory. Raises LabError."""
    found = {
        name: estimate(model, name, context=context, sequences=sequences) for name in PRECISIONS
    }
    longest = max(limit_bytes, *(e.peak_bytes for e in found.values())) * 1.02
    longest = min(longest, 3 * limit_bytes)  # a far too large model ends at the edge
    bars = "".join(_bar(name, e, longest, limit_bytes, words) for name, e in found.items())
    limit = words("memory.limit", size=size(limit_bytes))
    running = escape(words("memory.running"))
    return (
        f'<div class="src right">{running}</div>'
        f'<div class="stack" style="--limit:{100 * limit_bytes / longest:.2f}%">{bars}'
        f'<div class="limit-name">{escape(limit)}</div></div>{_legend(words)}'
        f'<details class="terms"><summary>{escape(words("memory.terms"))}</summary>'
        f"{_terms(found, words)}</details>"
    )


def _bar(name: str, found: MemoryEstimate, longest: float, limit_bytes: float, words: Words) -> str:
    parts, used = "", 0.0
    for term in TERMS:
        width = min(100 * getattr(found, f"{term}_bytes") / longest, 100 - used)
        used += width
        parts += f'<span class="{term}" style="width:{width:.3f}%"></span>'
    fits = found.peak_bytes <= limit_bytes
    told = words("memory.fits" if fits else "memory.fits_not")
    now = found.total_bytes + found.workspace_bytes
    label = words("memory.bar_label", name=name, now=size(now), peak=size(found.peak_bytes))
    at = min(100 * found.peak_bytes / longest, 100)
    return (
        f'<div class="srow"><b>{escape(name)}</b>'
        f'<span class="memtrack" role="img" aria-label="{escape(f"{label} {told}")}">{parts}'
        f'<i class="peak" style="left:{at:.2f}%"></i><i class="limit"></i></span>'
        f'<span class="n">{size(now)} / {size(found.peak_bytes)}</span>'
        f'<span class="{"same" if fits else "diff"}">{escape(told)}</span></div>'
    )


def _legend(words: Words) -> str:
    keys = "".join(
        f'<span><i class="swatch {term}"></i>{escape(words(f"memory.term_{term}"))}</span>'
        for term in TERMS
    )
    peak = f'<span><i class="swatch peak"></i>{escape(words("memory.term_peak"))}</span>'
    limit = f'<span><i class="swatch limit"></i>{escape(words("memory.term_limit"))}</span>'
    return f'<div class="stack memkeys">{keys}{peak}{limit}</div>'


def _terms(found: Mapping[str, MemoryEstimate], words: Words) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in found)
    rows = f'<tr><th scope="col">{escape(words("fields.precision"))}</th>{heads}</tr>'
    for term in (*TERMS, "load_peak", "peak"):
        cells = "".join(f"<td>{size(getattr(e, f'{term}_bytes'))}</td>" for e in found.values())
        rows += f'<tr><th scope="row">{escape(words(f"memory.term_{term}"))}</th>{cells}</tr>'
    return table(words("memory.terms"), rows)


def recorded(words: Words) -> str:
    """The course's five rows: recorded, estimated from the shape, and what is left over."""
    keys = ("precision", "allocated", "estimated", "left", "ratio", "peak", "peak_estimated")
    heads = "".join(f'<th scope="col">{escape(words(f"memory.col_{key}"))}</th>' for key in keys)
    rows, whole = f"<tr>{heads}</tr>", RECORDED["fp32"][0]
    for name, (allocated, peak) in RECORDED.items():
        mine = estimate(LLAMA, name).allocated_bytes / MIB
        most = estimate(LLAMA, name, context=POSITIONS).peak_bytes / MIB
        rows += (
            f'<tr><th scope="row">{name}</th><td>{allocated}</td><td>{mine:.1f}</td>'
            f"<td>{allocated - mine:+.1f}</td><td>{allocated / whole:.3f}</td>"
            f"<td>{peak}</td><td>{most:.0f}</td></tr>"
        )
    return table(words("memory.recorded_table"), rows)


def fitting(limit_bytes: float, sequences: int, words: Words) -> str:
    """Known models at each precision on one card: the longest context that fits, by the peak."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in PRECISIONS)
    rows = f'<tr><th scope="col">{escape(words("fields.model"))}</th>{heads}</tr>'
    for name in MODELS:
        trained, cells = shape_of(name).max_position_embeddings, ""
        for precision in PRECISIONS:
            longest = largest_context(
                name, precision, memory_bytes=int(limit_bytes), sequences=sequences
            )
            text = f"{min(longest, trained):,}" if longest else words("memory.none")
            mark = "+" if longest > trained else ""
            css = ' class="odd"' if not longest else ""
            cells += f"<td{css}>{escape(text)}{mark}</td>"
        short = name.rsplit("/", 1)[-1]
        rows += f'<tr><th scope="row">{escape(short)}</th>{cells}</tr>'
    title, note = words("memory.fitting_head"), words("memory.fitting_note")
    return (
        marks.heading(title, words, "estimated")
        + table(title, rows)
        + f'<p class="src">{escape(note)}</p>'
    )
