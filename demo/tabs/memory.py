"""Memory: bits times parameters, and the rest; what fits, and what fewer bits cost (course 1.2)."""

import contextlib
import json

import gradio as gr

from backend.catalog import MODELS, ROOT
from backend.errors import LabError
from backend.lab import Lab
from backend.memory import estimate
from backend.number_formats import FLOATS, held, number
from demo.events import QUIET
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.widgets import marks
from demo.widgets.bit_boxes import bit_boxes
from demo.widgets.code_pane import code_html, fill
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.kv_panel import kv_panel
from demo.widgets.memory_errata import errata_panel
from demo.widgets.memory_stack import GIB, LLAMA, fitting, recorded, size, stack
from demo.widgets.oom import oom
from demo.widgets.quantise_panel import quantise_panel
from demo.widgets.residents import residents_panel
from demo.words import Words

CARD_GIB, CONTEXT, SEQUENCES = 16.0, 1024, 1
# of the first exercise
ASKED_PRECISION, ASKED_GIB, ASKED_SEQUENCES = "nf4", 8, 4
NEAR = 0.99  # of the largest context counts as it
SNIPPETS = (
    "load_dtype",
    "load_8bit",
    "load_nf4_dq",
    "memory_summary",
    "bits",
    "kv_cache",
    "ct2",
)
SIZES = {"eighth": "3.4 GB", "more": "3.9 GB", "quarter": "6.7 GB", "half": "13.5 GB"}
CT2 = ROOT / "benchmarks" / "results" / "ct2.json"


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    title, lesson = words.lesson("memory")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(size_text, name) for name, size_text in SIZES.items()],
                    label=words("memory.predict"),
                    elem_id="memory-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="memory-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="memory-exercises"):
                longest = gr.Number(
                    label=words("memory.exercise_1_label"),
                    precision=0,
                    elem_id="memory-longest",
                    render=False,
                )
                first = exercise(
                    words,
                    "memory",
                    1,
                    answer=longest,
                    precision=ASKED_PRECISION,
                    card_gib=ASKED_GIB,
                    sequences=ASKED_SEQUENCES,
                )
                second = exercise(words, "memory", 2)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                gr.HTML(marks.heading(words("memory.estimate"), words, "estimated"))
                with gr.Row(elem_classes="knobs"):
                    model = gr.Dropdown(
                        list(MODELS),
                        value=LLAMA,
                        label=words("fields.model"),
                        elem_id="memory-model",
                        scale=2,
                    )
                    card, context, sequences = (
                        gr.Number(
                            value,
                            label=words(f"fields.{name}"),
                            elem_id=f"memory-{name}",
                            min_width=90,
                        )
                        for name, value in (
                            ("card_gib", CARD_GIB),
                            ("context", CONTEXT),
                            ("sequences", SEQUENCES),
                        )
                    )
                told = gr.HTML(marks.say(), elem_id="memory-told")
                bars = gr.HTML(
                    stack(LLAMA, CONTEXT, SEQUENCES, CARD_GIB * GIB, words), elem_id="memory-bars"
                )
            with gr.Column(elem_classes="card"):
                gr.HTML(marks.heading(words("memory.bits"), words, "measured"))
                with gr.Row(elem_classes="knobs"):
                    typed = gr.Textbox(
                        "1.001", label=words("memory.number"), elem_id="memory-number", max_lines=1
                    )
                    absmax = gr.Textbox(
                        "2", label=words("memory.absmax"), elem_id="memory-absmax", max_lines=1
                    )
                boxes = gr.HTML(bit_boxes("1.001", "2", words), elem_id="memory-boxes")
            copied = quantise_panel(lab, identity, words)
            with gr.Column(elem_classes="card"):
                gr.HTML(
                    marks.heading(
                        words("memory.recorded_head"),
                        words,
                        "recorded",
                        words("memory.recorded_source"),
                    )
                    + recorded(words),
                    elem_id="memory-recorded",
                )
                gr.Markdown(words("memory.residual"))
            with fold(words, "memory.fitting", "core", "memory-fitting"):
                fits = gr.HTML(fitting(CARD_GIB * GIB, SEQUENCES, words), elem_id="memory-fits")
            with fold(words, "memory.oom", "deep", "memory-oom"):
                gr.HTML(oom(words))
            with fold(words, "memory.kv", "deep", "memory-kv-fold"):
                kv_panel(lab, identity, words, copied["prompt"])
            with fold(words, "memory.residents", "deep", "memory-residents-fold"):
                residents_panel(lab, identity, words)
            with fold(words, "memory.others", "deep", "memory-others"):
                gr.HTML(
                    marks.heading(words("memory.ct2"), words, "recorded")
                    + marks.plain(ct2_text(words), "prose"),
                    elem_id="memory-ct2",
                )
                gr.Markdown(words("memory.others_what"))
            with fold(words, "memory.errata", "deep", "memory-errata"):
                errata_panel(lab, words)
            with gr.Column(elem_classes="card"):
                which = gr.Dropdown(
                    [(f"{name}.py", name) for name in SNIPPETS],
                    value=SNIPPETS[0],
                    label=words("memory.snippet"),
                    elem_id="memory-snippet",
                )
                code = gr.HTML(elem_id="memory-code")
            fields: Fields = {
                "model": model,
                "card": card,
                "context": context,
                "sequences": sequences,
                "number": typed,
                "absmax": absmax,
                **copied,
            }
            link_button(words, "memory", fields)

    def estimated(name: str, gib: float, positions: int, rows: int) -> dict:
        try:
            limit = card_bytes(gib)
            drawn = stack(name, positions, rows, limit, words)
            return {
                told: marks.say(),
                bars: drawn,
                fits: fitting(limit, rows, words),
            }
        except LabError as error:
            return {told: marks.say(words.error(error), bad=True)}

    def in_bits(text: str, largest: str) -> str:
        try:
            return bit_boxes(text, largest, words)
        except LabError as error:
            return marks.say(words.error(error), bad=True)

    def predict(answer: str) -> str:
        lab.exercise("memory-predict", answer == "more")
        whole, small = (estimate(LLAMA, name).total_bytes for name in ("fp32", "nf4-dq"))
        figures = {"whole": whole / 1e9, "small": small / 1e9, "ratio": whole / small}
        return marks.say(
            words("memory.reveal", **{name: f"{value:.2f}" for name, value in figures.items()})
        )

    def check_1(answer: float | None) -> str:
        positions, limit = min(int(answer or 0), 10**6), ASKED_GIB * GIB

        def peak(n: int) -> int:
            found = estimate(LLAMA, ASKED_PRECISION, context=n, sequences=ASKED_SEQUENCES)
            return found.peak_bytes

        right = positions > 0 and peak(positions) <= limit < peak(int(positions / NEAR) + 1)
        hint = words("memory.exercise_1_not", n=positions, peak=size(peak(max(positions, 0))))
        return verdict(lab, words, "memory-1", right, hint, answer=positions)

    def check_2(text: str) -> str:
        try:
            x = number(text)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        kinds = {form.name: held(x, form).kind for form in FLOATS}
        right = abs(x) != float("inf") and kinds["fp16"] == "infinite" != kinds["bf16"]
        right = right and kinds["bf16"] != "nan"
        return verdict(
            lab, words, "memory-2", right, words("memory.exercise_2_not", n=text), answer=text
        )

    def snippet(name: str, text: str, typed_text: str) -> str:
        values: dict[str, object] = {}
        if name in ("load_8bit", "memory_summary", "kv_cache", "ct2"):
            values["PROMPT"] = text
        if name == "bits":
            with contextlib.suppress(LabError):
                values["NUMBERS"] = [number(typed_text)]
        return code_html(name, fill(name, values), words)

    gr.on(
        [c.change for c in (model, card, context, sequences)],
        estimated,
        [model, card, context, sequences],
        [told, bars, fits],
        trigger_mode="always_last",
        **QUIET,
    )
    gr.on(
        [typed.change, absmax.change],
        in_bits,
        [typed, absmax],
        boxes,
        trigger_mode="always_last",
        **QUIET,
    )
    gr.on(
        [which.change, copied["prompt"].change, typed.change],  # type: ignore[attr-defined]
        snippet,
        [which, copied["prompt"], typed],
        code,
        trigger_mode="always_last",
        **QUIET,
    )
    guess.input(predict, guess, reveal, **QUIET)
    first.check.click(check_1, longest, first.told, **QUIET)
    second.check.click(check_2, typed, second.told, **QUIET)
    code.value = snippet(SNIPPETS[0], "", "")
    return fields


def card_bytes(gib: object) -> float:
    """Return a card's memory in bytes. Raises LabError."""
    if isinstance(gib, bool) or not isinstance(gib, (int, float)) or not 0 < gib <= 10_000:
        allowed = "more than 0, at most 10000"
        raise LabError(
            "out_of_range",
            f"card_gib must be {allowed}, got {gib!r:.80}",
            field="card_gib",
            value=str(gib)[:80],
            allowed=allowed,
        )
    return gib * GIB


def ct2_text(words: Words) -> str:
    """Say what the benchmark on the pocket model gave, with machine and date."""
    return words("memory.ct2_result", **json.loads(CT2.read_text("utf-8")))
