"""What the Prompt tab asks: a template of one's own, contents, and the course's four beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from backend.errors import LabError
from backend.instructions import CONTENT, COURSE
from backend.prompts import filled, prompt
from demo.links import Fields
from demo.widgets.two_colours import parts_html
from demo.words import Words
from pocket.sentences import HELD_OUT

MOST = 6  # contents
MODELS = ("pocket-base", "pocket-chat")
UNSEEN = tuple(pair.english for pair in HELD_OUT[:: len(HELD_OUT) // 3][:3])


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Templates with what fills their other slots, and the contents. All are checked."""

    templates: tuple[str, ...]
    contents: tuple[str, ...]
    others: dict[str, str]  # of the first template alone

    def prompt(self, template: str, content: str) -> str:
        """Return the prompt of one cell."""
        own = self.others if template == self.templates[0] else {}
        return prompt(template, {"content": content, **own})


@dataclass(frozen=True, kw_only=True)
class Ask:
    """The components; `values` in the order in which `read` takes them."""

    template: gr.Textbox
    contents: gr.Textbox
    four: gr.Checkbox
    others: gr.Textbox

    @property
    def values(self) -> list[gr.components.Component]:
        """All components, for `inputs=`."""
        return [self.template, self.contents, self.four, self.others]

    @property
    def fields(self) -> Fields:
        """What a link holds."""
        names = ("template", "contents", "four", "others")
        return dict(zip(names, self.values))


def read(template: str, contents: str, four: bool, others: str) -> Chosen:
    """Return what is asked, every prompt of it fillable. Raises LabError."""
    lines = tuple(dict.fromkeys(line.strip() for line in contents.splitlines() if line.strip()))
    if not 1 <= len(lines) <= MOST:
        raise LabError(
            "out_of_range",
            f"there must be 1 to {MOST} contents, got {len(lines)}",
            "Write one content a line",
            field="contents",
            value=len(lines),
            allowed=f"1 to {MOST}",
        )
    named = dict(slot_line(line) for line in others.splitlines() if line.strip())
    templates = dict.fromkeys((template, *(COURSE if four else ())))
    chosen = Chosen(templates=tuple(templates), contents=lines, others=named)
    for one in chosen.templates:
        chosen.prompt(one, lines[0])
    return chosen


def slot_line(line: str) -> tuple[str, str]:
    """Read `name = content`. Raises LabError."""
    name, equals, content = line.partition("=")
    if not equals or not name.strip().isidentifier():
        raise LabError(
            "slot_line",
            f"a slot's line must be name = content, got {line!r}",
            field="others",
            value=line[:80],
            allowed="name = content",
        )
    return name.strip(), content.strip()


def preview(words: Words, values: Sequence[object]) -> str:
    """Draw the own template filled with the first content. Raises LabError."""
    chosen = read(*values)  # type: ignore[arg-type]
    contents = {"content": chosen.contents[0], **chosen.others}
    return parts_html(filled(chosen.templates[0], contents), words)


def ask_fields(words: Words) -> Ask:
    """Draw the fields inside the current card."""
    presets = gr.Dropdown(
        [(one.replace("\n", " ⏎ "), one) for one in COURSE],
        value=COURSE[0],
        label=words("prompt.presets"),
        elem_id="prompt-presets",
    )
    template = gr.Textbox(
        COURSE[0],
        label=words("fields.template"),
        lines=1,
        max_lines=6,
        elem_id="prompt-template",
    )
    contents = gr.Textbox(
        "\n".join((CONTENT, *UNSEEN)),
        label=words("prompt.contents", most=MOST),
        lines=4,
        max_lines=MOST,
        elem_id="prompt-contents",
    )
    with gr.Accordion(words("settings.more"), open=False, elem_id="prompt-more"):
        four = gr.Checkbox(True, label=words("prompt.four"), elem_id="prompt-four")
        others = gr.Textbox(
            "",
            label=words("prompt.others"),
            placeholder="name = content",
            lines=1,
            max_lines=4,
            elem_id="prompt-others",
        )
    presets.input(lambda one: one, presets, template, api_visibility="private", queue=False)
    return Ask(template=template, contents=contents, four=four, others=others)
