"""Lines of the model card beside what the page measures: recorded, with their intervals."""

import json
from collections.abc import Mapping

from backend.catalog import MODELS
from backend.over_a_set import Rate
from demo.rag import FALLBACK
from demo.widgets import marks
from demo.widgets.rate_bar import rate_bars
from demo.words import Words


def card_rates(effect: str) -> dict[str, Rate]:
    """Return the lines of an effect by name; nothing where the shipped model has no card."""
    path = MODELS[FALLBACK].path
    assert path is not None
    lines = json.loads((path.parent / "evaluation.json").read_text("utf-8"))
    return {
        line["name"]: Rate(right=line["right"], total=line["total"])
        for line in lines
        if line["effect"] == effect
    }


def card_html(words: Words, effect: str, names: Mapping[str, str]) -> str:
    """Draw the lines that `names` names (card's name -> key of ours), as far as they are there."""
    rates = card_rates(effect)
    rows = [(words(key), rates[name]) for name, key in names.items() if name in rates]
    title = words("search.card_title")
    return marks.heading(title, words, "recorded") + rate_bars(words, rows, title)
