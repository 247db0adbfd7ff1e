"""How every benchmark says what it measured: claims, figures, machine, versions, date and load."""

import datetime
import json
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
MOST_SPREAD = 0.25  # of the baseline's own repeats; beyond it a ratio says nothing
Row = dict[str, object]


def row(
    claim: str,
    ratios: Sequence[float],
    *,
    baseline: Sequence[float] = (),
    at_least: float | None = None,
    at_most: float | None = None,
    aimed: float | None = None,
) -> Row:
    """Return one claim: ratios of one run, and the baseline's repeats, each pair one of both.

    Without a limit the ratio is reported whatever it is. `baseline` empty: nothing was timed.
    """
    median = statistics.median(ratios)
    spread = max(baseline) / min(baseline) - 1 if baseline else 0.0
    wanted, held = "reported", None
    if at_least is not None:
        wanted, held = f">= {at_least:g}", median >= at_least
    if at_most is not None:
        wanted, held = f"<= {at_most:g}", median <= at_most
    if aimed:
        wanted += f", aimed at {aimed:g}"
    return {
        "claim": claim,
        "ratio_median": round(median, 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "pairs": len(ratios),
        "baseline_spread": round(spread, 3),
        "inconclusive": spread > MOST_SPREAD,
        "wanted": wanted,
        "held": held,
    }


def verdict(claim: Row) -> str:
    """Return in a word whether a claim is held."""
    if claim["held"] is None:
        return "reported"
    held = "yes" if claim["held"] else "no"
    return f"inconclusive ({held})" if claim["inconclusive"] else held


def table(claims: Sequence[Row]) -> str:
    """Return claims as a Markdown table."""
    lines = [
        f"| {c['claim']} | {c['wanted']} "
        f"| {c['ratio_median']:g} ({c['ratio_min']:g} to {c['ratio_max']:g}) "
        f"| {c['pairs']} | {c['baseline_spread']:.0%} | {verdict(c)} |"
        for c in claims
    ]
    head = "| claim | wanted | median (least to most) | pairs | baseline's spread | held |"
    return "\n".join([head, "|---|---|---|---|---|---|", *lines, ""])


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    cpus = Path("/proc/cpuinfo").read_text().split("\n")
    return {
        "cpu": next((c.split(":")[1].strip() for c in cpus if c.startswith("model name")), "?"),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": version("torch").split("+")[0],
        "transformers": version("transformers"),
        "gradio": version("gradio"),
        "date": datetime.date.today().isoformat(),
    }


def write(
    name: str, figures: dict[str, object], claims: Sequence[Row] = (), *, keep: bool = True
) -> None:
    """Print claims and figures; `keep`: write them to benchmarks/results/, JSON and Markdown."""
    lines = "\n".join(f"| {key} | {value} |" for key, value in figures.items())
    text = f"| figure | value |\n|---|---|\n{lines}\n"
    if claims:
        text = f"{table(claims)}\n{text}"
    print(text)
    if keep:
        both = {"claims": list(claims), **figures} if claims else figures
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(both, indent=1) + "\n")
        (RESULTS / f"{name}.md").write_text(text)
