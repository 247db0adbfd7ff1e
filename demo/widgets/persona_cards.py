"""The persona cards: pick one and its system text is filled in, and shown."""

import gradio as gr

from backend.personas import CARDS, PLAIN, card_of
from demo.events import QUIET
from demo.words import Words

SYSTEMS = {card.name: card.system for card in CARDS}


def persona_cards(words: Words) -> tuple[gr.Radio, gr.Textbox]:
    """Draw the cards and the system text, and tie them together. Returns both."""
    names = [*SYSTEMS, "own"]
    persona = gr.Radio(
        [(words(f"chat.persona_{name}"), name) for name in names],
        value="plain",
        label=words("chat.persona"),
        elem_id="chat-persona",
    )
    system = gr.Textbox(
        PLAIN, label=words("fields.system"), lines=1, max_lines=5, elem_id="chat-system"
    )
    persona.input(lambda name: SYSTEMS.get(name, gr.skip()), persona, system, **QUIET)
    system.change(card_of, system, persona, trigger_mode="always_last", **QUIET)
    return persona, system
