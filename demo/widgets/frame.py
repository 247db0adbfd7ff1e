"""The frame of the page: name, model, memory, who waits, language."""

from html import escape

import gradio as gr

from backend.device_memory import together
from backend.lab import Lab
from demo.words import Words


def header(lab: Lab, words: Words) -> None:
    """Draw the frame; assets/lab.js fills in the numbers every three seconds."""
    texts = {
        "loading": words("app.loading"),
        "idle": words("app.loading"),
        "failed": words("app.failed"),
        "away": words("app.away"),
        "memory": words("app.memory"),
        "waiting": words("app.waiting"),
    }
    data = " ".join(f'data-{name}="{escape(text)}"' for name, text in texts.items())
    here = {"ja": "<b>日本語</b>", "en": "<b>English</b>"}[words.lang]
    there = {
        "ja": '<a href="/?lang=en" data-lang="en" lang="en">English</a>',
        "en": '<a href="/?lang=ja" data-lang="ja" lang="ja">日本語</a>',
    }[words.lang]
    langs = here + there if words.lang == "ja" else there + here
    opened = f'<span class="open-note">{escape(words("app.no_auth"))}</span>'
    note = opened if lab.settings.open_to_all else ""
    if lab.settings.engine_url:
        texts |= {"loading": words("remote.loading"), "failed": words("remote.failed")}
        data = " ".join(f'data-{name}="{escape(text)}"' for name, text in texts.items())
        told = words("remote.where", host=lab.settings.engine_host)
        note += f'<span class="open-note" data-remote>{escape(told)}</span>'
    gr.HTML(
        f'<header class="frame" data-frame {data}><h1>{escape(words("app.title"))}</h1>{note}'
        '<div class="model"><span data-model></span>'
        '<span class="meter" data-meter role="img"><i data-bar></i></span>'
        '<span class="wide" data-memory></span><span class="wide" data-waiting></span>'
        f'<nav class="langs" aria-label="{escape(words("app.language"))}">{langs}</nav>'
        "</div></header>",
        elem_id="frame",
    )


def status_json(lab: Lab) -> dict[str, object]:
    """Return the frame's numbers; cheap, since every open page asks every three seconds."""
    stats = lab.status()
    current = next((m for m in stats.models if m.model == stats.current), None)
    memory = together(current.device if current else "cpu")
    link = lab.classroom.link
    return {
        "state": stats.state,
        "detail": stats.detail,
        "switching": stats.switching,
        "model": current.model if current else "",
        "precision": current.precision if current else "",
        "device": current.device.upper() if current else "",
        "used": memory.ours_bytes if memory.device == "cpu" else memory.used_bytes,
        "total": memory.total_bytes,
        "waiting": stats.queue_depth,
        "closed": lab.classroom.closed,
        "link": link and {"id": link.id, "tab": link.tab},
    }
