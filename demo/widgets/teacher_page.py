"""The teacher's page as HTML: tabs, the class's link, votes as histograms. All text is escaped.

What carries data-live is renewed by assets/teacher.js; the page works without it too.
"""

from html import escape

from backend.classroom import Classroom, Question
from backend.lab import Lab
from demo.theme import ASSETS
from demo.widgets.downloads import downloads_card
from demo.widgets.teacher_card import act, card
from demo.widgets.teacher_ledger import ledger_card
from demo.widgets.teacher_limits import limits_card, reset_card
from demo.widgets.teacher_models import LoadState, models_card
from demo.words import Words

STYLES = "".join(
    (ASSETS / name).read_text("utf-8") for name in ("lab.css", "teacher.css", "downloads.css")
)
SCRIPT = (ASSETS / "teacher.js").read_text("utf-8")
NAMES = {"en": "English", "ja": "日本語"}


def frame(words: Words, body: str) -> str:
    """Return a whole page with its head, its title and the way to the other language."""
    title = escape(words("teacher.title"))
    langs = "".join(
        f"<b>{name}</b>"
        if lang == words.lang
        else f'<a href="/teacher?lang={lang}" lang="{lang}">{name}</a>'
        for lang, name in NAMES.items()
    )
    return (
        f'<!doctype html><html lang="{words.lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLES}</style><script>{SCRIPT}</script></head>"
        f'<body><header class="frame"><h1>{title}</h1><div class="model">'
        f'<a href="/?lang={words.lang}">{escape(words("teacher.back"))}</a>'
        f'<nav class="langs" aria-label="{escape(words("app.language"))}">{langs}</nav></div>'
        f"</header><main>{body}</main></body></html>"
    )


def key_page(words: Words, problem: str = "") -> str:
    """Return the page on which the teacher enters the key."""
    state = f'<p role="alert" class="say bad">{escape(problem)}</p>' if problem else ""
    return frame(
        words,
        f"{state}<p>{escape(words('teacher.ask'))}</p>"
        f'<form method="post" action="/teacher?lang={words.lang}" class="line">'
        f"<label>{escape(words('teacher.key'))} "
        '<input name="key" type="password" required autocomplete="current-password"></label>'
        f"<button>{escape(words('teacher.enter'))}</button></form>",
    )


def teacher_page(
    lab: Lab,
    words: Words,
    *,
    load: LoadState,
    site: str,
    problem: str,
    done: str,
    alone: bool,
) -> str:
    """Return the teacher's page.

    `load` is the load begun last, `site` the lab's address as the browser sees it, `alone` says
    that no other machine understands it; `problem` and `done` say what the last press came to.
    """
    classroom, ledger = lab.classroom, lab.ledger()
    role = 'role="alert" class="say bad"' if problem else 'role="status" class="say"'
    body = (
        f"<p>{escape(words('teacher.known'))}</p>"
        f'<div id="said" tabindex="-1" {role} data-away="{escape(words("connection.away"))}">'
        f"{escape(problem or done)}</div>"
        + models_card(lab, ledger, load, words)
        + downloads_card(lab, words)
        + ledger_card(ledger, words)
        + tabs_card(classroom, words)
        + link_card(classroom, words, site, alone)
        + votes_card(classroom, words)
        + limits_card(lab, words)
        + reset_card(lab, words)
    )
    return frame(words, body)


def tabs_card(classroom: Classroom, words: Words) -> str:
    """List every tab with open or closed, and the button that changes it."""
    rows = []
    for tab in classroom.tabs:
        shut = tab in classroom.closed
        label = words(f"{tab}.tab")
        button = words("teacher.open_tab" if shut else "teacher.close_tab", tab=label)
        state = words("teacher.is_closed" if shut else "teacher.is_open")
        css = "shut" if shut else "open"
        rows.append(
            f'<li class="{css}"><b>{escape(label)}</b>'
            f"<span>{escape(state)}</span>"
            f"{act(words, 'tab', button, f'set-{tab}', tab=tab, open=str(int(shut)))}</li>"
        )
    body = f'<ul class="rows" id="tab-list" data-live>{"".join(rows)}</ul>'
    return card("tabs", words("teacher.tabs"), words("teacher.tabs_text"), body)


def link_card(classroom: Classroom, words: Words, site: str, alone: bool) -> str:
    """Show what is suggested to the class, and the form that suggests something else."""
    link = classroom.link
    now = f"<p>{escape(words('teacher.link_none'))}</p>"
    if link:
        shown = words("teacher.link_now", tab=words(f"{link.tab}.tab"))
        now = (
            f"<p>{escape(shown)}</p>"
            + copied(words, "link-full", words("teacher.link_full"), f"{site}/?{link.query}")
            + copied(words, "link-short", words("teacher.link_short"), f"{site}/class")
            + (f'<p class="say bad">{escape(words("teacher.link_alone"))}</p>' if alone else "")
            + act(words, "withdraw", words("teacher.link_withdraw"), "withdraw")
        )
    options = f'<option value="">{escape(words("teacher.link_own"))}</option>' + "".join(
        f'<option value="{tab}">{escape(words(f"{tab}.tab"))}</option>' for tab in classroom.tabs
    )
    body = (
        f'<form method="post" action="/teacher/link?lang={words.lang}" class="line" id="suggest">'
        f"<label>{escape(words('teacher.link_tab'))} "
        f'<select name="tab" id="link-tab">{options}</select></label>'
        f'<label class="long">{escape(words("teacher.link_paste"))} '
        '<input name="link" id="link-paste" autocomplete="off"></label>'
        f'<button id="link-send">{escape(words("teacher.link_send"))}</button></form>'
        f'<div id="class-link" data-live>{now}</div>'
    )
    return card("link", words("teacher.link"), words("teacher.link_text"), body)


def copied(words: Words, ident: str, label: str, address: str) -> str:
    """Return an address with the button that copies it."""
    done = escape(words("link.copied"))
    return (
        f'<div class="line"><label class="long" for="{ident}">{escape(label)}'
        f'<input id="{ident}" readonly value="{escape(address)}"></label>'
        f'<button type="button" class="tool" id="{ident}-copy" data-copy="{ident}"'
        f' data-done="{done}">{escape(words("teacher.copy"))}</button></div>'
    )


def votes_card(classroom: Classroom, words: Words) -> str:
    """Show every question, its histogram folded until it is opened, and the resets."""
    questions = classroom.questions(words.lang)
    parts = "".join(vote(classroom, words, name, asked) for name, asked in questions.items())
    again = (
        f'<details class="next"><summary>{escape(words("teacher.next_class"))}</summary>'
        f"<p>{escape(words('teacher.next_text'))}</p>"
        f"{act(words, 'clear', words('teacher.clear_all'), 'clear-all')}</details>"
    )
    badge = f'<span class="badge">{escape(words("badge.measured"))}</span>'
    return card("votes", words("teacher.votes"), words("teacher.votes_text"), parts + again, badge)


def vote(classroom: Classroom, words: Words, name: str, asked: Question) -> str:
    """Show one question's votes: counts and shares as text, and the bars that say the same."""
    counts = classroom.counts(name, len(asked.answers))
    total = sum(counts)
    rows = "".join(
        f'<li><span class="answer">{escape(answer)}</span>'
        f'<i style="--share:{n / total if total else 0:.3f}" aria-hidden="true"></i>'
        f'<span class="n">{n} ({100 * n / total if total else 0:.0f} %)</span></li>'
        for answer, n in zip(asked.answers, counts, strict=True)
    )
    tab = next((t for t in classroom.tabs if name == t or name.startswith(f"{t}-")), "")
    key = escape(name)
    head = f"<small>{escape(words(f'{tab}.tab'))}</small>" if tab else ""
    return (
        f'<details class="vote" id="vote-{key}"><summary>{head}<b>{escape(asked.text)}</b>'
        f'<span class="n" id="votes-{key}" data-live>{escape(words("teacher.voted", n=total))}'
        f'</span></summary><ol class="bars" id="bars-{key}" data-live>{rows}</ol>'
        f"{act(words, 'clear', words('teacher.clear'), f'clear-{key}', question=name)}</details>"
    )
