"""One theme of our own: the mock's colours, system fonts, light and dark; nothing from outside."""

import json
from pathlib import Path

import gradio as gr

from demo.words import Lang, words

ASSETS = Path(__file__).parent / "assets"
SANS = ("system-ui", "Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic UI", "Meiryo")
MONO = ("ui-monospace", "SF Mono", "Consolas", "DejaVu Sans Mono", "Noto Sans Mono CJK JP")

TEAL = gr.themes.Color(
    c50="#eef6f6", c100="#d8eaeb", c200="#b3d6d8", c300="#86bcc0", c400="#4f9aa0",
    c500="#0a6c74", c600="#0a6c74", c700="#095b62", c800="#084a50", c900="#073a3f", c950="#052a2e",
)  # fmt: skip

THEME = gr.themes.Base(
    primary_hue=TEAL,
    neutral_hue="stone",
    font=[*SANS, "sans-serif"],
    font_mono=[*MONO, "monospace"],
    radius_size="md",
    text_size="md",
).set(
    body_background_fill="#fbfaf6",
    body_background_fill_dark="#14171a",
    body_text_color="#1c2024",
    body_text_color_dark="#eceae4",
    body_text_color_subdued="#5a6168",
    body_text_color_subdued_dark="#a5acb2",
    background_fill_primary="#ffffff",
    background_fill_primary_dark="#1c2125",
    background_fill_secondary="#fbfaf6",
    background_fill_secondary_dark="#14171a",
    border_color_primary="#e3e0d8",
    border_color_primary_dark="#30373d",
    block_background_fill="transparent",
    block_background_fill_dark="transparent",
    block_border_width="0px",
    block_shadow="none",
    block_padding="0px",
    block_label_background_fill="transparent",
    block_label_background_fill_dark="transparent",
    block_label_text_color="#5a6168",
    block_label_text_color_dark="#a5acb2",
    block_title_text_color="#5a6168",
    block_title_text_color_dark="#a5acb2",
    block_title_text_weight="500",
    block_title_text_size="0.84rem",
    block_info_text_color="#5a6168",
    block_info_text_color_dark="#a5acb2",
    input_background_fill="#fbfaf6",
    input_background_fill_dark="#14171a",
    input_border_color="#8d918f",
    input_border_color_dark="#6d757b",
    input_border_width="1px",
    button_border_width="1px",
    button_border_width_dark="1px",
    input_placeholder_color="#5a6168",
    input_placeholder_color_dark="#a5acb2",
    color_accent_soft="#eef6f6",
    color_accent_soft_dark="#1d3437",
    border_color_accent_subdued="#b3d6d8",
    border_color_accent_subdued_dark="#2f5a5e",
    button_primary_background_fill="#0a6c74",
    button_primary_background_fill_dark="#5fc4c9",
    button_primary_background_fill_hover="#095b62",
    button_primary_background_fill_hover_dark="#86d4d8",
    button_primary_text_color="#ffffff",
    button_primary_text_color_dark="#06282a",
    button_secondary_background_fill="#ffffff",
    button_secondary_background_fill_dark="#1c2125",
    button_secondary_background_fill_hover="#eef6f6",
    button_secondary_background_fill_hover_dark="#263036",
    button_secondary_text_color="#1c2024",
    button_secondary_text_color_dark="#eceae4",
    button_secondary_border_color="#8d918f",
    button_secondary_border_color_dark="#6d757b",
    checkbox_background_color_dark="#14171a",
    slider_color="#0a6c74",
    slider_color_dark="#5fc4c9",
    link_text_color="#0a6c74",
    link_text_color_dark="#5fc4c9",
    error_text_color="#b4501f",
    error_text_color_dark="#f0976a",
)

STYLES = (
    "lab.css",
    "start.css",
    "apart.css",
    "rates.css",
    "samples.css",
    "diversity.css",
    "decoding.css",
    "memory.css",
    "prompt.css",
    "search.css",
    "agents.css",
    "shots.css",
    "templates.css",
    "chat.css",
    "classroom.css",
    "monitor.css",
)
CSS = "".join((ASSETS / name).read_text("utf-8") for name in STYLES)
_SCRIPTS = "".join(
    f"<script>{(ASSETS / name).read_text('utf-8')}</script>"
    for name in (
        "lab.js",
        "connection.js",
        "learn.js",
        "classroom.js",
        "strip.js",
        "decoding.js",
        "words.js",
        "prompt.js",
        "shots.js",
        "templates.js",
        "monitor.js",
    )
)


def head(lang: Lang) -> str:
    """Return what goes into the page's head: our scripts, before any component loads."""
    says = words(lang)
    parts = json.dumps({key: says(f"prompt.{key}") for key in ("instruction", "content", "none")})
    connection = json.dumps({key: says(f"connection.{key}") for key in ("title", "lost", "away")})
    return (
        f"<script>document.documentElement.lang = '{lang}'; window.partsWords = {parts};"
        f" window.connectionWords = {connection};</script>{_SCRIPTS}"
    )


def on_load(lang: str) -> str:
    """Return the function Gradio calls once its page stands."""
    return f"() => {{ document.documentElement.lang = '{lang}'; window.lab.ready(); }}"
