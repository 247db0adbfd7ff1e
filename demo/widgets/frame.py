"""The frame of the page: name, model, memory, who waits, language; and the teacher's page."""

from html import escape

import gradio as gr

from backend.lab import Lab
from backend.metrics import host_memory
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
    opened = lab.settings.no_auth and not lab.settings.on_loopback
    note = f'<span class="open-note">{escape(words("app.no_auth"))}</span>' if opened else ""
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
    used, total = host_memory()
    if current and current.device.startswith("cuda"):
        import torch

        free, total = torch.cuda.mem_get_info()
        used = total - free
    return {
        "state": stats.state,
        "detail": stats.detail,
        "model": current.model if current else "",
        "precision": current.precision if current else "",
        "device": current.device.upper() if current else "",
        "used": used,
        "total": total,
        "waiting": stats.queue_depth,
    }


def teacher_page(words: Words, is_teacher: bool, wrong: bool) -> str:
    """Return the small page on which the teacher enters the key."""
    state = "teacher.known" if is_teacher else "teacher.wrong" if wrong else "teacher.ask"
    return (
        f'<!doctype html><html lang="{words.lang}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(words('teacher.title'))}</title>"
        "<style>body{font:16px/1.7 system-ui,sans-serif;max-width:30rem;margin:3rem auto;"
        "padding:0 1rem}input,button{font:inherit;padding:.4rem .8rem}</style>"
        f"<h1>{escape(words('teacher.title'))}</h1><p>{escape(words(state))}</p>"
        '<form method="post" action="/teacher">'
        f'<label>{escape(words("teacher.key"))} <input name="key" type="password" required></label>'
        f" <button>{escape(words('teacher.enter'))}</button></form>"
        f'<p><a href="/">{escape(words("teacher.back"))}</a></p></html>'
    )
