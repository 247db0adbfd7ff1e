"""The second half of the Shots tab: what runs on, what is constrained, and the chat template."""

from backend.lab import Lab
from demo.identity import Identity
from demo.widgets.chat_template_panel import chat_template_panel
from demo.widgets.constrained_panel import constrained_panel
from demo.widgets.format_panel import format_panel
from demo.widgets.run_on_panel import run_on_panel
from demo.words import Words


def templates_half(lab: Lab, identity: Identity, words: Words) -> None:
    """Draw the panels in the course's order."""
    run_on_panel(lab, identity, words)
    constrained_panel(lab, identity, words)
    chat_template_panel(lab, words)
    format_panel(lab, identity, words)
