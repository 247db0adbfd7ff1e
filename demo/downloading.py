"""What the teacher does with models on the hub: look up, download, stop, take off the list."""

from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import FormData

from backend.allowed import allowed_source
from backend.errors import LabError
from backend.lab import Lab
from demo.switching import text


def look(lab: Lab, form: FormData, host: str) -> str:
    """Ask the hub what the form's model takes; a typed name goes before a chosen one. LabError."""
    lab.downloads.look(named(lab, text(form, "typed").strip() or text(form, "model")))
    return "hub_look"


def start(lab: Lab, form: FormData, host: str) -> str:
    """Download the form's model, or go on with it. Raises LabError."""
    lab.downloads.start(named(lab, text(form, "model")))
    return "hub_start"


def stop(lab: Lab, form: FormData, host: str) -> str:
    """Stop the download of the form's model; what has arrived is kept."""
    lab.downloads.stop(text(form, "model"))
    return "hub_stop"


def forget(lab: Lab, form: FormData, host: str) -> str:
    """Take the form's model off the list; its files stay."""
    lab.downloads.forget(text(form, "model"))
    return "hub_forget"


def named(lab: Lab, name: str) -> str:
    """Return a hub id that may be loaded here. Raises LabError."""
    if Path(allowed_source(name, lab.settings)).is_dir():
        raise LabError("hub_here", f"{name} is on this machine: load it", model=name)
    return name


DOWNLOADS: dict[str, Callable[[Lab, FormData, str], str]] = {
    "hub-look": look,
    "hub-start": start,
    "hub-stop": stop,
    "hub-forget": forget,
}
