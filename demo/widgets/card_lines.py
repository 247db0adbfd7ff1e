"""Lines of the model card beside what the page measures: read from its file, never typed."""

import json
from collections.abc import Mapping

from backend.catalog import ROOT
from backend.over_a_set import Rate
from demo.widgets import marks
from demo.widgets.rate_bar import rate_bars
from demo.words import Words

CARD = ROOT / "pocket" / "weights" / "evaluation.json"


def card_lines(words: Words, names: Mapping[str, str]) -> str:
    """Draw the card's lines `names` (name on the card -> name on the page) as recorded."""
    lines = {row.get("name"): row for row in json.loads(CARD.read_text("utf-8"))}
    rows = [
        (shown, Rate(right=lines[name]["right"], total=lines[name]["total"]))
        for name, shown in names.items()
    ]
    title = words("agents.card")
    return marks.heading(title, words, "recorded", "pocket/weights/README.md") + rate_bars(
        words, rows, title
    )
