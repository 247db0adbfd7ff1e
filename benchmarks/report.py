"""How every benchmark says what it measured: figures, machine, versions, date and load."""

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


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


def write(name: str, figures: dict[str, object]) -> None:
    """Print the figures and write them to benchmarks/results/ as JSON and Markdown."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    table = "\n".join(f"| {key} | {value} |" for key, value in figures.items())
    (RESULTS / f"{name}.md").write_text(f"| figure | value |\n|---|---|\n{table}\n")
    print(table)
