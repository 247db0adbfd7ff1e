"""Shell commands with a copy button each; assets/lab.js copies. All text is escaped."""

from html import escape

from demo.widgets.then_now import then_now_html
from demo.words import Words


def command_html(name: str, commands: str, words: Words, *, note: str = "") -> str:
    """Draw a block of commands that are run together, and what is to be known of it."""
    copy, done = escape(words("code.copy")), escape(words("code.copied"))
    says = f'<div class="src">{escape(note)}</div>' if note else ""
    return (
        f'<div class="code command" data-name="{escape(name)}">'
        f'<pre tabindex="0">{escape(commands)}</pre><div class="row">'
        f'<button type="button" class="tool" data-code="copy" data-label="{copy}"'
        f' data-done="{done}">{copy}</button></div>{says}{then_now_html(commands, words)}</div>'
    )
