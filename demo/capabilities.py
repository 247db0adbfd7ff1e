"""What of the page a remote server cannot do: those controls are disabled, with the reason.

The table below is the whole list; docs/remote.md is made from it.
"""

from collections.abc import Iterator
from html import escape

import gradio as gr
from gradio.blocks import Block, BlockContext

from backend.engine import FILTERS, Capability
from backend.lab import Lab
from demo.words import Words

# what each capability is needed for: elem_ids of controls, by tab
NEEDS: dict[Capability, tuple[str, ...]] = {
    "jobs": (
        "start-guess",
        "start-check-1",
        "start-look",
        "generate-guess",
        "generate-check-1",
        "generate-lists-go",
        "generate-ends-go",
        "generate-pieces-go",
        "generate-cache-go",
        "generate-claims-go",
        "generate-weights-go",
        "diversity-source",
        "diversity-look",
        "samples-effective-go",
        "samples-refused-go",
        "samples-inspector-go",
        "decoding-guess",
        "decoding-go",
        "decoding-case-beam",
        "decoding-case-greedy",
        "decoding-mbr-go",
        "decoding-exact-go",
        "decoding-proofs-go",
        "memory-go",
        "memory-kv",
        "memory-load",
        "memory-unload",
        "memory-prove",
        "prompt-lists-go",
        "shots-check-2",
        "shots-format-go",
        "shots-template-case",
        "shots-template-manner",
        "shots-template-generation",
        "shots-template-go",
        "shots-template-fold",
        "shots-newline-go",
        "chat-check-1",
        "chat-context",
        "chat-role-go",
        "chat-only-new-go",
        "search-claims-go",
    ),
    "score": ("decoding-own-go",),
    "constraint": ("shots-constrained-go", "shots-constrained-over"),
}
FILTER_IDS = {"top_k": "-top-k", "epsilon_cutoff": "-epsilon"}  # how their fields' elem_ids end


def note(lab: Lab, words: Words, key: str) -> str:
    """Return one of the reasons, with where the models are."""
    return words(f"remote.{key}", host=lab.settings.engine_host)


def missing(lab: Lab) -> Iterator[tuple[str, str]]:
    """Yield (elem_id or its end, reason's key) of what the engine cannot do."""
    for capability, ids in NEEDS.items():
        if not lab.can(capability):
            yield from ((elem_id, capability) for elem_id in ids)
    for name, end in FILTER_IDS.items():
        if name in FILTERS - lab.engine.filters:
            yield end, "filter"


def disable(page: gr.Blocks, lab: Lab, words: Words) -> None:
    """Disable what the engine cannot do, inside the Blocks; each card says why, once."""
    reasons, told = dict(missing(lab)), set[tuple[int, str]]()
    disabled: set[int] = set()
    ends = tuple(end for end in reasons if end.startswith("-"))
    for block in list(page.blocks.values()) if reasons else ():
        name = str(getattr(block, "elem_id", None) or "")
        key = reasons.get(name) or next((reasons[end] for end in ends if name.endswith(end)), None)
        if key is None:
            continue
        block.interactive = False  # type: ignore[attr-defined]  # every control has it
        disabled.add(block._id)
        if key == "filter":
            block.info = note(lab, words, key)  # type: ignore[attr-defined]  # a Number's
            continue
        card, within = card_of(block)
        if (card._id, key) not in told:
            told.add((card._id, key))
            with card:
                reason = gr.HTML(f'<p class="src">{escape(note(lab, words, key))}</p>')
            card.children.remove(reason)
            card.children.insert(card.children.index(within) + 1, reason)
    disable_others(page, disabled)


def disable_others(page: gr.Blocks, disabled: set[int]) -> None:
    """Disable what does the same as a disabled button: a text's Enter, a choice beside it."""
    for fn in page.fns.values():
        ids = {block_id for block_id, _ in fn.targets if block_id is not None}
        pressed = {block_id for block_id, event in fn.targets if event in ("click", "input")}
        if pressed & disabled:
            for block_id in ids - disabled:
                page.blocks[block_id].interactive = False  # type: ignore[union-attr]


def card_of(block: Block) -> tuple[BlockContext, Block]:
    """Return the column or fold a control stands in, and which of its children holds it."""
    within, card = block, block.parent
    while isinstance(card, (gr.Row, gr.components.Form)) and card.parent is not None:
        within, card = card, card.parent
    assert card is not None, "a control stands in a tab"
    return card, within
