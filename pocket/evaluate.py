"""Measure what the pocket models can do, on items that training never saw.

    python -m pocket.evaluate [--quick] [--card]

Each line has a count and its 95 % interval. The exit status is 1 when an interval lies wholly on
the wrong side of its threshold. `--card` writes the model card and `evaluation.json` beside it.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from pocket import measure, measure_context
from pocket.answers import Model
from pocket.card import card, tables
from pocket.course_inputs import course_inputs
from pocket.damage import Damage, damage
from pocket.diversity import Diversity, diversity
from pocket.lines import Line

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that the card shows."""

    lines: list[Line]
    diversity: list[Diversity]
    traits: dict[str, list[float]]
    damage: list[Damage]


def lines(weights: Path, *, n: int) -> list[Line]:
    """Measure every line on about `n` items."""
    base, chat = Model.load(weights / "base"), Model.load(weights / "chat")
    return [
        *measure.stories(chat, n),
        *measure.instructions(chat, n),
        *measure.few_shot(base, n),
        *measure.base_against_chat(base, chat, n),
        *measure_context.retrieval(chat, n),
        *measure.personas(chat, n),
        *measure.chain_of_thought(chat, n),
        *measure.chat_format(chat, n),
        *measure.shots_as_turns(chat, n),
        *measure_context.tool_use(chat, n),
        *measure.refusal(chat, n),
        *measure_context.injection(chat, n),
        *course_inputs(weights),
    ]


def evaluate(weights: Path, *, n: int, seeds: int) -> Evaluation:
    """Measure all of it."""
    return Evaluation(
        lines=lines(weights, n=n),
        diversity=diversity(weights, seeds=seeds),
        traits=measure_context.traits(Model.load(weights / "chat"), n),
        damage=damage(weights / "chat", n=min(n, 60)),
    )


def main() -> int:
    """Print the tables; return 1 where a line fails."""
    parser = argparse.ArgumentParser(description="Measure the pocket models.")
    parser.add_argument("--quick", action="store_true", help="fewer items, under three minutes")
    parser.add_argument("--card", action="store_true", help="write the model card")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    n, seeds = (40, 4) if args.quick else (200, 20)
    found = evaluate(args.weights, n=n, seeds=seeds)
    print(tables(found.lines, found.diversity, found.traits, found.damage))
    if args.card:
        text = card(args.weights, found.lines, found.diversity, found.traits, found.damage)
        (args.weights / "README.md").write_text(text, "utf-8")
        facts = [asdict(line) | {"reached": line.reached} for line in found.lines]
        (args.weights / "evaluation.json").write_text(
            json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    failed = [line.name for line in found.lines if line.fails]
    for name in failed:
        print(f"fails: {name}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
