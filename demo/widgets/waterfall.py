"""The filter waterfall: one panel per step, removed words hatched, the running total as a line.

Words keep one order in all panels, the most probable first. Bars share one scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from backend.types import SamplingParams
from demo.words import Words

if TYPE_CHECKING:
    from backend.sampling import Passed

SHOWN = 12  # candidates in sight; the rest of a vocabulary is one row


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One step: probabilities of the shown words before and after it, and what it did in all."""

    name: str
    before: Sequence[float]
    after: Sequence[float]
    rest: float  # probability of the tokens not shown
    rest_kept: int
    kept: int
    total: int
    removed_mass: float
    entropy: float


def panels_of(found: Sequence["Passed"]) -> tuple[list[int], list[Panel]]:
    """Return the ids in sight, most probable first, and a panel per step."""
    given = found[0].probs
    ids = given.argsort(descending=True, stable=True)[:SHOWN]
    panels, before = [], given
    for step in found:
        after = step.probs[ids].tolist()
        kept = int((step.probs > 0).sum())
        panels.append(
            Panel(
                name=step.name,
                before=before[ids].tolist(),
                after=after,
                rest=max(0.0, 1 - sum(after)),
                rest_kept=kept - sum(p > 0 for p in after),
                kept=kept,
                total=len(given),
                removed_mass=step.removed_mass,
                entropy=step.entropy,
            )
        )
        before = step.probs
    return ids.tolist(), panels


def is_on(name: str, params: SamplingParams) -> bool:
    """True where a step's setting is not its neutral value."""
    neutral = {"temperature": 1.0, "top_p": 1.0, "typical_p": 1.0}
    return name != "given" and setting(name, params) != neutral.get(name, 0)


def setting(name: str, params: SamplingParams) -> float:
    """Return the value of a step's setting."""
    return {
        "temperature": params.temperature,
        "top_k": params.top_k,
        "top_p": params.top_p,
        "min_p": params.min_p,
        "typical_p": params.typical_p,
        "epsilon_cutoff": params.epsilon_cutoff,
    }[name]


def waterfall_html(
    labels: Sequence[str],
    panels: Sequence[Panel],
    params: SamplingParams,
    words: Words,
    *,
    with_given: bool,
) -> str:
    """Draw what was given (unless it is shown elsewhere) and every step that is on."""
    shown = [p for p in panels if is_on(p.name, params) or (with_given and p.name == "given")]
    shown = shown or [panels[0]]
    top = max(max(*panel.before, *panel.after) for panel in shown)
    held = list(panels[0].after)  # what each word had when it was last there
    drawn = []
    for panel in shown:
        held = [b if b > 0 else h for b, h in zip(panel.before, held)]
        drawn.append(panel_html(labels, panel, held, top, params, words))
    off = [words(f"diversity.step_{p.name}") for p in panels[1:] if not is_on(p.name, params)]
    note = words("diversity.off", names=words("diversity.comma").join(off)) if off else ""
    return (
        f'<div class="wf-panels">{"".join(drawn)}</div>'
        f'<p class="src">{escape(words("diversity.legend"))}</p><p class="src">{escape(note)}</p>'
    )


def panel_html(
    labels: Sequence[str],
    panel: Panel,
    held: Sequence[float],
    top: float,
    params: SamplingParams,
    words: Words,
) -> str:
    """Draw one step."""
    step = words(f"diversity.step_{panel.name}")
    title = step if panel.name == "given" else f"{step} {setting(panel.name, params):g}"
    told = words(
        "diversity.panel",
        kept=f"{panel.kept:,}",
        total=f"{panel.total:,}",
        removed=f"{panel.removed_mass:.3f}",
        entropy=f"{panel.entropy:.2f}",
    )
    rows = "".join(
        row_html(label, before, after, was, top, words)
        for label, before, after, was in zip(labels, panel.before, panel.after, held)
    )
    others = panel.total - len(labels)
    if others:
        rest = words("diversity.rest", n=f"{others:,}", kept=f"{panel.rest_kept:,}")
        rows += (
            f'<li class="wf-rest src">{escape(rest)} <span class="n">{panel.rest:.3f}</span></li>'
        )
    return (
        f'<section class="wf" data-step="{panel.name}" data-kept="{panel.kept}">'
        f'<h4>{escape(title)}</h4><p class="src">{escape(told)}</p><div class="wf-rows">'
        f"{lines_svg(panel, len(labels), top, params)}<ul>{rows}</ul></div></section>"
    )


def row_html(label: str, before: float, after: float, was: float, top: float, words: Words) -> str:
    """Draw one word: its bar, a tick where it stood before, its number."""
    removed = after == 0
    width = 100 * (was if removed else after) / top
    tick = "" if removed or before == after else f'<b style="left:{100 * before / top:.2f}%"></b>'
    said = words("diversity.removed_had", p=f"{was:.3f}") if removed else ""
    number = f"{after:.3f}"
    if removed:
        number = f'<span aria-hidden="true">0</span><span class="sr">{escape(said)}</span>'
    return (
        f'<li class="wf-row{" cut" if removed else ""}"><code>{escape(label)}</code>'
        f'<span class="wf-bar"><i style="width:{width:.2f}%"></i>{tick}</span>'
        f'<span class="n" title="{escape(said)}">{number}</span></li>'
    )


def lines_svg(panel: Panel, n: int, top: float, params: SamplingParams) -> str:
    """Draw the running total (0 to 1 across) and the threshold of this step."""
    total, points = 0.0, ["0,0"]
    filtered = panel.name not in ("given", "temperature")  # a filter asks what came to it
    for row, p in enumerate(panel.before if filtered else panel.after):
        total += p
        points.append(f"{100 * total:.2f},{row + 0.5}")
    cut = ""
    if panel.name == "top_p":
        cut = vertical(100 * params.top_p, n)
    elif panel.name == "min_p":
        cut = vertical(100 * params.min_p * max(panel.before) / top, n)
    elif panel.name == "epsilon_cutoff":
        cut = vertical(100 * params.epsilon_cutoff / top, n)
    elif panel.name == "top_k" and params.top_k < n:
        cut = f'<line class="cut" x1="0" x2="100" y1="{params.top_k}" y2="{params.top_k}"/>'
    return (
        f'<svg class="wf-lines" aria-hidden="true" viewBox="0 0 100 {n}"'
        f' preserveAspectRatio="none" style="--n:{n}"><polyline points="{" ".join(points)}"/>'
        f"{cut}</svg>"
    )


def vertical(x: float, n: int) -> str:
    """A dashed line down the panel; outside it where the threshold is past the scale."""
    return f'<line class="cut" x1="{x:.2f}" x2="{x:.2f}" y1="0" y2="{n}"/>' if x <= 100 else ""
