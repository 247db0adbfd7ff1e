"""Models from the hub on the teacher's page: what they take, what fits here, how far each is."""

import re
from collections.abc import Mapping
from functools import cache
from html import escape

from backend import hub
from backend.catalog import POCKET, CatalogEntry
from backend.device import Room, room
from backend.downloads import DownloadState
from backend.errors import LabError
from backend.lab import Lab
from backend.memory import estimate
from backend.precision import PRECISIONS
from demo.widgets.fold import table
from demo.widgets.memory_stack import size
from demo.widgets.teacher_card import act, card
from demo.words import Words

CONTEXT = 1024  # positions of one row, as the Memory tab begins with
SILENT_S = 5.0  # without a byte, until it is said


def downloads_card(lab: Lab, words: Words) -> str:
    """The form that looks a model up, each model asked for, and the catalogue."""
    if not lab.can("jobs"):
        return ""  # the models are on another server
    here, settings, only = room_of(lab), lab.settings, ""
    if not settings.on_loopback:
        names = ", ".join(dict.fromkeys((settings.model, *POCKET, *settings.allowed_models)))
        only = f'<p id="hub-only">{escape(words("hub.only", names=names))}</p>'
    entries = [entry for entry in lab.catalog() if not entry.path]
    options = "".join(f'<option value="{e.id}">{e.id}</option>' for e in entries)
    known = (
        f"<label>{escape(words('hub.model'))} "
        f'<select name="model" id="hub-model">{options}</select></label>'
    )
    body = (
        f'{only}<form method="post" action="/teacher/hub-look?lang={words.lang}" class="line"'
        f' id="hub-form">{known if entries else ""}'
        f'<label class="long">{escape(words("hub.typed"))} '
        '<input name="typed" id="hub-typed" autocomplete="off"></label>'
        f'<button id="hub-look" class="go">{escape(words("hub.look"))}</button></form>'
        f'<div id="hub-models" data-live>{told(here, words)}'
        f"{''.join(asked(state, here, words) for state in lab.downloads.states())}</div>"
        f'<details id="hub-known"><summary>{escape(words("hub.known"))}</summary>'
        f'<div id="hub-catalogue" class="wide" data-live>{catalogue(entries, here, words)}</div>'
        "</details>"
    )
    badge = f'<span class="badge">{escape(words("badge.estimated"))}</span>'
    return card("hub", words("hub.title"), words("hub.text"), body, badge)


def room_of(lab: Lab) -> Room | None:
    """Return the device's memory, None until the first load has imported torch."""
    return room(lab.settings) if lab.status().state in ("ready", "failed") else None


def told(here: Room | None, words: Words) -> str:
    """Say what models may take here, and why a card that is there is not used."""
    if here is None:
        return f"<p>{escape(words('hub.room_unknown'))}</p>"
    name = f"{len(here.cards)} × {here.name}" if len(here.cards) > 1 else here.name
    said = words("hub.room", device=name, size=size(here.bytes))
    fault = f'<p class="say bad">{escape(words.error(here.fault))}</p>' if here.fault else ""
    return f"<p>{escape(said)}</p>{fault}"


def asked(state: DownloadState, here: Room | None, words: Words) -> str:
    """One model that was asked for: what it is, how far it is, what can be done next."""
    key = re.sub(r"\W", "-", state.model)
    shown = f"<h3>{escape(state.model)}</h3>"
    if state.error:
        shown += f'<p class="say bad">{escape(words.error(state.error))}</p>'
    else:
        shown += f"<p>{escape(words(f'hub.{state.phase}'))}</p>"
    if state.found:
        shown += progress(state, state.found, words) + fitting(state.found, here, words)
    next_ = f'<div class="line">{buttons(state, key, words)}</div>'
    return f'<div class="hub" id="hub-{key}">{shown}{next_}</div>'


def progress(state: DownloadState, found: hub.HubModel, words: Words) -> str:
    """Say how many bytes are there, how fast more come and how long that lasts."""
    values = {"done": gb(state.done_bytes), "total": gb(found.bytes), "n": len(found.files)}
    if state.phase == "found" and 100 * state.done_bytes < found.bytes:  # config.json is there
        return f"<p>{escape(words('hub.size', **values))}</p>"
    said = words("hub.bytes", percent=f"{100 * state.done_bytes / found.bytes:.0f}", **values)
    if state.phase == "downloading":
        if state.silent_s > SILENT_S:
            said += " " + words("hub.silent", s=f"{state.silent_s:.0f}")
        elif state.remaining_s is not None:
            said += " " + words(
                "hub.rate", rate=f"{state.rate / 1e6:.1f}", left=lasting(state, words)
            )
        if state.elsewhere:
            said += " " + words("hub.elsewhere")
    return (
        f'<progress max="{found.bytes}" value="{state.done_bytes}" '
        f'aria-label="{escape(state.model)}"></progress><p class="n">{escape(said)}</p>'
    )


def lasting(state: DownloadState, words: Words) -> str:
    """Write what is left of a download in the unit that people would."""
    left = state.remaining_s or 0.0
    if left < 90:
        return words("hub.seconds", n=f"{left:.0f}")
    return words("hub.minutes", n=f"{left / 60:.0f}")


def gb(n_bytes: int) -> str:
    """Write bytes as the hub does, in powers of ten."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.2f} MB"


def fitting(found: hub.HubModel, here: Room | None, words: Words) -> str:
    """What the model takes in memory at each precision, and whether that fits here."""
    cells = cells_of(found.config, here, words)
    if not cells:
        return f"<p>{escape(words('hub.uncounted'))}</p>"
    heads = "".join(f'<th scope="col">{name}</th>' for name in PRECISIONS)
    return table(words("hub.takes"), f"<tr>{heads}</tr><tr>{cells}</tr>")


def cells_of(model: str | Mapping[str, object], here: Room | None, words: Words) -> str:
    """Return a table's cells, one per precision; none where the layers are not counted."""
    try:
        peaks = known_peaks(model) if isinstance(model, str) else peaks_of(model)
    except LabError:
        return ""
    cells = ""
    for peak in peaks:
        fits = None if here is None else peak <= here.bytes
        mark = "" if fits is None else words("hub.fits" if fits else "hub.fits_not")
        css = ' class="odd"' if fits is False else ""
        cells += f"<td{css}>{size(peak)} {escape(mark)}</td>"
    return cells


def peaks_of(model: str | Mapping[str, object]) -> list[int]:
    """Return the most bytes that a model takes at each precision. Raises LabError."""
    return [estimate(model, name, context=CONTEXT).peak_bytes for name in PRECISIONS]


known_peaks = cache(peaks_of)  # of the catalogue, which is drawn every two seconds


def buttons(state: DownloadState, key: str, words: Words) -> str:
    """Return what can be done with a model in its state."""

    def button(name: str, text: str, **hidden: str) -> str:
        level = hidden.get("precision", "")
        return act(words, name, text, f"{name}-{level}{key}", model=state.model, **hidden)

    if state.phase in ("looking", "stopping"):
        return ""
    if state.phase == "downloading":
        return button("hub-stop", words("hub.stop"))
    away = button("hub-forget", words("hub.forget"))
    if state.phase == "done":
        names = ("auto", *PRECISIONS)
        loads = (button("load", words("hub.load", precision=p), precision=p) for p in names)
        return "".join(loads) + away
    if state.phase == "found":
        return button("hub-start", words("hub.start")) + away
    again = words("hub.go_on" if state.found else "hub.again")
    return button("hub-start", again) + away


def catalogue(entries: list[CatalogEntry], here: Room | None, words: Words) -> str:
    """The known models: size, licence, template, what they take, and which are in the cache."""
    names = [words(f"hub.col_{column}") for column in ("model", "kind", "parameters")]
    names += [*PRECISIONS, words("hub.col_licence")]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = f"<tr>{heads}</tr>"
    for entry in entries:
        kind = "base" if entry.kind == "base" else "system" if entry.has_system_role else "plain"
        licence = f"{entry.licence} · {words('hub.gated')}" if entry.gated else entry.licence
        whole = f" · {words('hub.cached')}" if hub.folder(entry.id) else ""
        facts = (words(f"hub.kind_{kind}"), f"{entry.parameters / 1e9:.2f} B")
        cells = "".join(f'<td class="text">{escape(fact)}</td>' for fact in facts)
        rows += (
            f'<tr><th scope="row">{escape(entry.id)}{escape(whole)}</th>{cells}'
            f'{cells_of(entry.id, here, words)}<td class="text">{escape(licence)}</td></tr>'
        )
    note = words("hub.note", context=CONTEXT)
    return table(words("hub.known"), rows) + f'<p class="src">{escape(note)}</p>'
