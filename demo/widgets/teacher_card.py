"""The pieces that the parts of the teacher's page are made of."""

from html import escape

from demo.words import Words


def act(words: Words, name: str, button: str, ident: str, **hidden: str) -> str:
    """Return a form of one button; `ident` keeps the focus when the form is renewed."""
    fields = "".join(
        f'<input type="hidden" name="{escape(key)}" value="{escape(value)}">'
        for key, value in hidden.items()
    )
    return (
        f'<form method="post" action="/teacher/{name}?lang={words.lang}">{fields}'
        f'<button class="tool" id="{escape(ident)}">{escape(button)}</button></form>'
    )


def card(ident: str, title: str, text: str, body: str, badge: str = "") -> str:
    """Return one part of the page."""
    return (
        f'<section class="card" aria-labelledby="{ident}-title"><div class="h">'
        f'<h2 id="{ident}-title">{escape(title)}</h2>{badge}</div><p>{escape(text)}</p>'
        f"{body}</section>"
    )
