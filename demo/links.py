"""A tab's settings in its link: `/?tab=diversity&top_p=0.5` opens the tab with that value.

A tab returns its fields (name in the link -> component); `link_button` copies the link.
"""

from collections.abc import Mapping

import gradio as gr
from gradio.components import Component

from demo.widgets import marks
from demo.words import Words

Fields = Mapping[str, Component]
LONGEST = 8000  # characters of one value: eight whole examples of the Shots tab


def link_button(words: Words, tab: str, fields: Fields) -> None:
    """Draw the button that copies a link to this tab with its settings."""
    button = gr.Button(words("link.copy"), size="sm", elem_id=f"{tab}-link", min_width=90)
    told = gr.HTML(marks.say(), elem_id=f"{tab}-linked")
    names = list(fields)
    button.click(
        None,
        list(fields.values()),
        told,
        js=f"(...values) => window.lab.link({tab!r}, {names!r}, values, {words('link.copied')!r})",
    )


def restored(component: Component, text: str) -> object:
    """Return the update that puts a link's value into a component; a wrong one changes nothing."""
    try:
        if isinstance(component, (gr.Number, gr.Slider)):
            return gr.update(value=float(text))
        if isinstance(component, gr.Checkbox):
            return gr.update(value={"true": True, "false": False}[text])
        if isinstance(component, (gr.Radio, gr.Dropdown)):
            allowed = {str(value): value for _, value in component.choices or ()}
            return gr.update(value=allowed[text])
    except (ValueError, KeyError):
        return gr.skip()
    return gr.update(value=text[:LONGEST])
