"""The agent's snippets print what the page shows."""

import asyncio
import datetime
from pathlib import Path

import pytest

from backend.agent import Lane, lanes
from backend.calculator import calculate
from backend.errors import LabError
from backend.lab import Lab
from backend.tools import toolbox
from demo.widgets.agent_panel import PARAMS, TUNED
from demo.widgets.code_pane import SNIPPETS, fill
from demo.words import LANGS, words
from tests.test_snippets import run

pytestmark = pytest.mark.slow
QUESTIONS = sorted({words(lang)(f"agents.example_{n}") for lang in LANGS for n in ("fact", "sum")})


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_loop_prints_the_pages_turns_and_results(
    lab: Lab, tmp_path: Path, question: str
) -> None:
    script = tmp_path / "agent_loop.py"
    script.write_text(fill("agent_loop", {"QUESTION": question}), "utf-8")
    printed = run(script)
    box = toolbox(
        find=lambda query: lab.retrieval.search(query, "offline", most=1).hits, zone=datetime.UTC
    )
    tools = {name: box[name] for name in TUNED}

    async def shown() -> list[Lane]:
        found = lanes(lab, question, tools, PARAMS, most_steps=3, model="pocket-chat")
        return list({lane.number: lane async for lane in found}.values())

    drawn = asyncio.run(shown())
    assert drawn[0].result
    for lane in drawn:
        assert f"{lane.number}: {lane.text}\n" in printed
        if lane.result is not None:
            assert f"result: {lane.result}\n" in printed


def test_both_calculators_agree() -> None:
    lines = run(SNIPPETS / "calculator.py").strip().splitlines()
    assert len(lines) > 4
    for line in lines:
        expression, sign, said = line.partition(" = ")
        if sign:
            assert float(calculate(expression)) == float(said)
            continue
        with pytest.raises(LabError):
            calculate(line.partition(" -> ")[0])
