"""Measure what the pocket models can do, on items that training never saw.

    python -m pocket.evaluate [--quick] [--card] [--only EFFECT ...]

Each line has a count and its 95 % interval. The exit status is 1 when an interval lies wholly on
the wrong side of its threshold. `--card` writes the model card and `evaluation.json` beside it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pocket import measure, measure_context
from pocket.answers import Model
from pocket.card import Evaluation, card, line_table, tables
from pocket.course_inputs import course_inputs
from pocket.damage import damage
from pocket.diversity import diversity
from pocket.lines import Line
from pocket.measure_preference import alike, preference

WEIGHTS = Path(__file__).parent / "weights"


EFFECTS: dict[str, Callable[[Model, Model, int], list[Line]]] = {
    "stories": lambda base, chat, n: measure.stories(chat, n),
    "instructions": lambda base, chat, n: measure.instructions(chat, n),
    "few-shot": lambda base, chat, n: measure.few_shot(base, n),
    "base-chat": measure.base_against_chat,
    "rag": lambda base, chat, n: measure_context.retrieval(chat, n),
    "persona": lambda base, chat, n: measure.personas(chat, n),
    "thought": lambda base, chat, n: measure.chain_of_thought(chat, n),
    "format": lambda base, chat, n: measure.chat_format(chat, n),
    "turns": lambda base, chat, n: measure.shots_as_turns(chat, n),
    "tools": lambda base, chat, n: measure_context.tool_use(chat, n),
    "refusal": lambda base, chat, n: measure.refusal(chat, n),
    "injection": lambda base, chat, n: measure_context.injection(chat, n),
}


def lines(weights: Path, *, n: int, only: Sequence[str] = tuple(EFFECTS)) -> list[Line]:
    """Measure the lines of some effects on about `n` items."""
    base, chat = Model.load(weights / "base"), Model.load(weights / "chat")
    return [line for effect in only for line in EFFECTS[effect](base, chat, n)]


def evaluate(weights: Path, *, n: int, seeds: int) -> Evaluation:
    """Measure all of it."""
    return Evaluation(
        lines=[
            *lines(weights, n=n),
            *preference(weights, n=n),
            *course_inputs(weights),
        ],
        diversity=diversity(weights / "chat", seeds=seeds),
        alike=alike(weights, seeds=seeds),
        traits=measure_context.traits(Model.load(weights / "chat"), n),
        damage=damage(weights / "chat", n=min(n, 60)),
    )


def main() -> int:
    """Print the tables; return 1 where a line fails."""
    parser = argparse.ArgumentParser(description="Measure the pocket models.")
    parser.add_argument("--quick", action="store_true", help="fewer items, under three minutes")
    parser.add_argument("--card", action="store_true", help="write the model card")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--only", nargs="+", choices=tuple(EFFECTS), help="print these lines")
    args = parser.parse_args()
    n, seeds = (40, 4) if args.quick else (200, 20)
    if args.only:
        found_lines = lines(args.weights, n=n, only=args.only)
        print(line_table(found_lines))
        return report(found_lines)
    found = evaluate(args.weights, n=n, seeds=seeds)
    print(tables(found))
    if args.card:
        text = card(args.weights, found)
        (args.weights / "README.md").write_text(text, "utf-8")
        facts = [asdict(line) | {"reached": line.reached} for line in found.lines]
        (args.weights / "evaluation.json").write_text(
            json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    return report(found.lines)


def report(found: list[Line]) -> int:
    """Name the lines that fail; return the exit status."""
    failed = [line for line in found if line.fails]
    for line in failed:
        print(f"fails: {line.effect}, {line.name}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
