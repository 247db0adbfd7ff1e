"""The teacher's limits, and the end of a class."""

from html import escape

from backend.lab import Lab
from backend.limits import RANGES, current
from demo.widgets.teacher_card import card
from demo.words import Words


def limits_card(lab: Lab, words: Words) -> str:
    """Return the form of what one person and all may have, filled with what holds now."""
    fields = "".join(
        f"<label>{escape(words(f'fields.{name}'))} "
        f'<input name="{name}" id="limit-{name}" type="number" required inputmode="numeric"'
        f' min="{RANGES[name][0]}" max="{RANGES[name][1]}" value="{value}"></label>'
        for name, value in current(lab).items()
    )
    body = (
        f'<form method="post" action="/teacher/limits?lang={words.lang}" class="line limits"'
        f' id="limits-form">{fields}'
        f'<button id="limits-send">{escape(words("teacher.limits_send"))}</button></form>'
    )
    return card("limits", words("teacher.limits"), words("teacher.limits_text"), body)


def reset_card(lab: Lab, words: Words) -> str:
    """Return what ends a class; it asks before, by a box to be ticked."""
    stats = lab.status()
    now = words("teacher.reset_now", running=stats.active_streams, waiting=stats.queue_depth)
    body = (
        f'<p id="reset-now" data-live>{escape(now)}</p>'
        f'<form method="post" action="/teacher/reset?lang={words.lang}" class="line"'
        f' id="reset-form"><label class="tick"><input type="checkbox" name="sure" value="1"'
        f' id="reset-sure" required> {escape(words("teacher.reset_sure"))}</label>'
        f'<button id="reset-send">{escape(words("teacher.reset_send"))}</button></form>'
    )
    return card("reset", words("teacher.reset"), words("teacher.reset_text"), body)
