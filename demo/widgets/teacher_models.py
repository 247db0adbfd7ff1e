"""The teacher's models: what is loaded and who uses it, loading another, unloading."""

from dataclasses import dataclass
from html import escape

from backend.errors import LabError
from backend.lab import Lab
from backend.ledger import Ledger, Resident
from backend.settings import PRECISION_NAMES
from backend.types import ModelInfo
from demo.widgets.memory_stack import size
from demo.widgets.teacher_card import act, card
from demo.words import Words


@dataclass(frozen=True, kw_only=True)
class LoadState:
    """The load that the teacher began last; empty before the first."""

    model: str = ""
    precision: str = ""
    running: bool = False
    info: ModelInfo | None = None
    error: LabError | None = None


def models_card(lab: Lab, ledger: Ledger, load: LoadState, words: Words) -> str:
    """List the loaded models, and offer to load another one for everybody."""
    rows = "".join(resident(one, words) for one in ledger.residents)
    none = f"<p>{escape(words('teacher.models_none'))}</p>"
    listed = f'<ul class="rows models">{rows}</ul>' if rows else none
    body = f'<div id="model-list" data-live>{listed}</div>'
    here = not lab.settings.engine_url
    if here:
        body += load_form(lab, words)
    body += f'<div id="load-state" data-live>{outcome(load, lab.status().current, words)}</div>'
    badge = f'<span class="badge">{escape(words("badge.measured"))}</span>'
    text = "teacher.models_text" if here else "teacher.models_remote"
    return card("models", words("teacher.models"), words(text), body, badge)


def resident(one: Resident, words: Words) -> str:
    """Say what one model holds, who uses it, and since when nobody does."""
    name = f"{one.model} · {one.precision} · {one.device}"
    held = [words("teacher.holds", size=size(one.held_bytes + one.kv_cache_bytes))]
    if one.residual_bytes is not None:
        held.append(words("teacher.residual", bytes=f"{one.residual_bytes:+,d}"))
    minutes = int(one.idle_s // 60)
    state = "leaving" if one.leaving else "busy" if one.in_use else "idle"
    held.append(words(f"teacher.{state}", n=one.in_use, minutes=minutes))
    button = f"<span>{escape(words('teacher.answers'))}</span>" if one.current else ""
    if not one.current and not one.leaving:
        label = words("teacher.unload", model=one.model)
        button = act(words, "unload", label, f"unload-{one.model}", model=one.model)
    separator = "、" if words.lang == "ja" else ", "
    return (
        f'<li class="{state}"><div><b>{escape(name)}</b>'
        f"<small>{escape(separator.join(held))}</small></div>{button}</li>"
    )


def load_form(lab: Lab, words: Words) -> str:
    """Return the form that loads a model for everybody."""
    names = "".join(f'<option value="{escape(entry.id)}">' for entry in lab.catalog())
    levels = "".join(f"<option>{name}</option>" for name in ("auto", *PRECISION_NAMES))
    return (
        f'<form method="post" action="/teacher/load?lang={words.lang}" class="line" id="load-form">'
        f'<label class="long">{escape(words("fields.model"))} '
        f'<input name="model" id="load-model" list="load-names" required autocomplete="off"'
        f' value="{escape(lab.settings.model)}"></label>'
        f'<datalist id="load-names">{names}</datalist>'
        f"<label>{escape(words('fields.precision'))} "
        f'<select name="precision" id="load-precision">{levels}</select></label>'
        f'<button id="load-send" class="go">{escape(words("teacher.load"))}</button></form>'
    )


def outcome(load: LoadState, current: str, words: Words) -> str:
    """Say what the last load came to; one that seems not to fit may be tried all the same."""
    if load.running:
        text = words("teacher.loading", name=load.model, level=load.precision, current=current)
        return f'<p role="status" class="say">{escape(text)}</p>'
    if load.info:
        held = load.info.weights_bytes + load.info.quant_state_bytes
        text = words(
            "teacher.loaded",
            name=load.info.model,
            level=load.info.precision,
            size=size(held),
            seconds=f"{load.info.load_s:.1f}",
        )
        return f'<p role="status" class="say">{escape(text)}</p>'
    if not load.error:
        return ""
    said = f'<p role="alert" class="say bad">{escape(words.error(load.error))}</p>'
    if load.error.code != "does_not_fit":
        return said
    asked = {"model": load.model, "precision": load.precision, "confirmed": "1"}
    return said + act(words, "load", words("teacher.load_anyway"), "load-anyway", **asked)
