"""What the Memory tab draws: the figures of the course's map, and its snippets' output."""

import json
import re
from html import escape
from pathlib import Path

import pytest

from backend.catalog import MODELS
from backend.lab import Lab
from backend.memory import estimate
from backend.quantization import Copy, copy_job
from demo.tabs.memory import CT2, SNIPPETS, ct2_text
from demo.widgets.bit_boxes import bit_boxes
from demo.widgets.code_pane import fill
from demo.widgets.damage_view import heat
from demo.widgets.kv_panel import smooth
from demo.widgets.memory_errata import errata
from demo.widgets.memory_stack import GIB, LLAMA, fitting, recorded, size, stack
from demo.widgets.oom import oom
from demo.words import LANGS, words
from tests.test_snippets import run

pytestmark = pytest.mark.slow
PROMPT = "Tell me a story about a dragon."


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


@pytest.mark.parametrize("lang", LANGS)
def test_the_courses_figures_are_on_the_page(lang: str) -> None:
    speak = words(lang)  # type: ignore[arg-type]
    table, list_, card = recorded(speak), errata(speak), oom(speak)
    for figure in ("25713", "12860", "6701", "4000", "3695", "25815", "12911", "6801", "6426"):
        assert figure in table
    for ratio in ("0.500", "0.261", "0.156", "0.144"):
        assert ratio in table
        assert ratio in list_
    for figure in ("6.43", "6.96", "4.0"):
        assert figure in list_
    for figure in ("86.00", "31.74", "53.12", "31.68", "30.16", "1.16", "0.36"):
        assert figure in card


def test_bits_of_the_courses_numbers() -> None:
    drawn = bit_boxes("70000", "1", words("en"))
    outputs = re.findall(r"<output[^>]*>([^<]*)", drawn)
    assert outputs == ["70000", "inf", "70144", "70000", "70000"]
    assert "overflow: the largest number here is 65504" in drawn
    outputs = re.findall(r"<output[^>]*>([^<]*)", bit_boxes("1.001", "2", words("en")))
    assert outputs[1:3] == ["1.0009765625", "1"]
    boxes = re.findall(r'role="img" aria-label="([^"]*)"', bit_boxes("-2", "2", words("en")))
    assert boxes[1] == "sign 1, exponent 10000, mantissa 0000000000"


def test_every_number_a_learner_may_type_is_drawn() -> None:
    for text in ("0", "-0", "inf", "-inf", "nan", "1e-320", "1e308", "6e-8", "-7"):
        assert bit_boxes(text, "0", words("ja"))


def test_the_stack_tells_what_fits_by_the_peak() -> None:
    drawn = stack(LLAMA, 1024, 1, 6 * GIB, words("en"))
    assert text_of(drawn).count("does not fit") == 7  # 4-bit loads peak above 6 GiB too
    drawn = stack(LLAMA, 1024, 1, 27 * GIB, words("en"))
    assert "does not fit" not in drawn
    assert size(estimate(LLAMA, "fp16", context=1024).peak_bytes) in drawn


def test_what_fits_lists_every_known_model() -> None:
    drawn = fitting(8 * GIB, 1, words("en"))
    assert all(escape(name.rsplit("/", 1)[-1]) in drawn for name in MODELS)
    row = next(r for r in drawn.split("<tr>") if "Llama-2-70b" in r)
    assert set(re.findall(r"<td[^>]*>([^<]*)", row)) == {"no"}


def test_heat_is_between_nothing_and_full() -> None:
    assert [heat(kl) for kl in (0.0, 1e-9, 1e-3, 50.0)] == [0.0, 0.0, 0.5, 1.0]
    assert smooth([1, 1, 90, 1, 1]) == [1, 1, 1, 1, 1]
    assert smooth([*range(1, 20)]) == [1, 1, 1, 1, *range(1, 16)]


@pytest.mark.parametrize("lang", LANGS)
def test_ctranslate2_is_told_with_its_recorded_figures(lang: str) -> None:
    figures, told = json.loads(CT2.read_text("utf-8")), ct2_text(words(lang))  # type: ignore[arg-type]
    for key in ("int8_ratio_median", "int8_same_tokens", "ctranslate2", "date"):
        assert str(figures[key]) in told
    assert figures["int8_bytes"] < figures["float32_bytes"] / 3


def test_every_snippet_of_the_tab_is_there_and_takes_its_values() -> None:
    for name in SNIPPETS:
        assert fill(name, {})
    assert "NUMBERS = [0.1]" in fill("bits", {"NUMBERS": [0.1]})


@pytest.mark.slow
def test_snippets_print_what_the_tab_shows(lab: Lab, tmp_path: Path) -> None:
    def out(name: str, **values: object) -> str:
        script = tmp_path / f"{name}.py"
        script.write_text(fill(name, values), "utf-8")
        return run(script)

    nf4, double = (estimate("pocket-chat", name) for name in ("nf4", "nf4-dq"))
    printed = out("load_nf4_dq")
    assert f"weights {nf4.weights_bytes:,}, scales {nf4.quant_state_bytes:,}" in printed
    assert f"scales {double.quant_state_bytes:,}" in printed
    assert f"float16, {estimate('pocket-chat', 'fp16').weights_bytes:,}" in out("load_dtype")
    printed = out("bits", NUMBERS=[70000.0, 1.001])
    assert "70000.0 in fp16: 0 11111 0000000000 = inf" in printed
    assert "= 70144" in printed
    lab.engine.model()
    [copy] = lab.run(copy_job("pocket-chat", "int8", PROMPT, lab.settings))
    assert isinstance(copy, Copy)
    printed = out("load_8bit", PROMPT=PROMPT, MAX_NEW_TOKENS=16)
    assert "".join(copy.texts[:12]).strip() in printed
    assert "ignored without a word: Linear\n" in printed
