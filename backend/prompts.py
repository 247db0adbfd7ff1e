"""Instruction templates: fixed text with named slots that contents fill (the course's 2).

A slot is written `{content}`, as in an f-string; `{{` and `}}` are braces that stay. Filling only
puts texts in: no attribute, index, conversion or format of a slot is ever looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from backend.errors import LabError


@dataclass(frozen=True, kw_only=True)
class Part:
    """A run of a prompt: fixed text where `slot` is empty, else what stands in that slot."""

    text: str
    slot: str = ""


def parts(template: str) -> tuple[Part, ...]:
    """Return the fixed texts and the slots in order; a slot's text is `{name}`. Raises LabError."""
    found: list[Part] = []
    try:
        for fixed, name, spec, conversion in Formatter().parse(template):
            if fixed:
                found.append(Part(text=fixed))
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                shown = "{" + name + (f"!{conversion}" if conversion else "")
                shown += (f":{spec}" if spec else "") + "}"
                raise LabError(
                    "template_slot_name",
                    f"a slot must be a plain name in braces, got {shown}",
                    "Write {content}, or {{ and }} for braces that stay",
                    field="template",
                    value=shown,
                    allowed="{content}",
                )
            found.append(Part(text="{" + name + "}", slot=name))
    except ValueError as error:
        if isinstance(error, LabError):
            raise
        raise LabError(
            "template_brace",
            f"a brace stands alone in the template: {error}",
            "Write {{ or }} for a brace that stays",
            field="template",
            value=template[:80],
            allowed="{{ }}",
        ) from None
    return joined(found)


def joined(found: list[Part]) -> tuple[Part, ...]:
    """Put neighbouring fixed texts together: `{{` comes as a run of its own."""
    out: list[Part] = []
    for part in found:
        if out and not part.slot and not out[-1].slot:
            out[-1] = Part(text=out[-1].text + part.text)
        else:
            out.append(part)
    return tuple(out)


def slots(template: str) -> tuple[str, ...]:
    """Return the names of the slots, each once, in order. Raises LabError."""
    return tuple(dict.fromkeys(part.slot for part in parts(template) if part.slot))


def filled(template: str, contents: Mapping[str, str]) -> tuple[Part, ...]:
    """Return the parts of the prompt with every slot filled.

    Raises LabError for a slot without a content and for a content without a slot.
    """
    names = slots(template)
    for name in names:
        if name not in contents:
            raise LabError(
                "template_slot_missing",
                f"the slot {{{name}}} has no content",
                f"Give {name} a content or take the slot out",
                field="template",
                value="{" + name + "}",
                allowed=", ".join(contents) or "-",
            )
    for name in contents:
        if name not in names:
            raise LabError(
                "template_slot_unknown",
                f"there is a content {name} but no slot {{{name}}}",
                f"Write {{{name}}} in the template or take the content out",
                field="template",
                value=name,
                allowed=", ".join(f"{{{n}}}" for n in names) or "-",
            )
    return tuple(
        Part(text=contents[part.slot], slot=part.slot) if part.slot else part
        for part in parts(template)
    )


def prompt(template: str, contents: Mapping[str, str]) -> str:
    """Return the prompt: the template with every slot filled. Raises LabError as `filled` does."""
    return "".join(part.text for part in filled(template, contents))
