"""From a distribution to what is drawn from, step by step: ten editable words, or the model's own.

Moving a slider computes on logits that are held already: no forward.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.lab import Lab
from backend.next_token import NextToken, NextTokens
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.links import Fields
from demo.ten_words import TEN_WORDS
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.waterfall import is_on, panels_of, setting, waterfall_html
from demo.widgets.word_table import read_words, word_table
from demo.words import Words

PROMPT = "Tell me a story about a dragon.\nOnce upon a time, there was a"
MODELS = ("pocket-chat", "pocket-base")
# orders in which a learner may apply the steps; only the first is the engine's
ORDERS: Mapping[str, tuple[str, ...]] = {
    "library": ("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff"),
    "p_first": ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff"),
    "epsilon_first": ("temperature", "epsilon_cutoff", "top_k", "top_p", "min_p", "typical_p"),
    "heat_last": ("top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "temperature"),
}
DRAWS, SEED = 1000, 7


@dataclass(kw_only=True)
class Step:
    """What this page looks at: its ten words, and the prompt whose next token was asked for."""

    words: Mapping[str, float] = field(default_factory=lambda: dict(TEN_WORDS))
    prompt: str = PROMPT
    model: str = MODELS[0]
    person: str = ""  # whose limits a forward falls under


@dataclass(frozen=True, kw_only=True)
class StepsPanel:
    """What the tab needs of the panel."""

    step: gr.State
    settings: Sequence[gr.Slider]  # in the order in which `read_step` takes them
    fields: Fields


def read_step(*values: float) -> SamplingParams:
    """Return the sliders' settings. Raises LabError."""
    names = ("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff")
    return SamplingParams(do_sample=True, **dict(zip(names, values)))  # type: ignore[arg-type]


def snippet(step: Step, kind: str, order: str, params: SamplingParams) -> tuple[str, str]:
    """Return the name and the code of the script that does what the panel shows."""
    on = [name for name in ORDERS[order] if is_on(name, params)] or ["temperature"]
    values: dict[str, object] = {"SETTINGS": {name: setting(name, params) for name in on}}
    if kind == "model":
        values |= {"MODEL": model_value(step.model), "PROMPT": step.prompt}
        return "next_token", fill("next_token", values)
    values |= {"WORDS": list(step.words), "PROBABILITIES": list(step.words.values())}
    return "filters", fill("filters", values)


def steps_panel(lab: Lab, identity: Identity, words: Words, asked: NextTokens) -> StepsPanel:
    """Draw the card inside the current column and bind its handlers."""
    step = gr.State(Step())
    with gr.Column(elem_classes="card"):
        gr.HTML(marks.heading(words("diversity.steps_title"), words, "measured"))
        source = gr.Radio(
            [
                (words("diversity.source_words"), "words"),
                (words("diversity.source_model"), "model"),
            ],
            value="words",
            label=words("diversity.source"),
            elem_id="diversity-source",
        )
        with gr.Row(elem_classes="ask", visible=False) as ask:
            prompt = gr.Textbox(
                PROMPT, label=words("fields.prompt"), lines=2, elem_id="diversity-prompt"
            )
            model = gr.Dropdown(
                list(MODELS),
                value=MODELS[0],
                label=words("fields.model"),
                elem_id="diversity-model",
            )
            look = gr.Button(
                words("diversity.look"),
                variant="primary",
                elem_classes="go",
                elem_id="diversity-look",
            )
        with gr.Row(elem_classes="knobs"):
            temperature = slider("temperature", 0.1, 10, 1.0, 0.1)
            top_k = slider("top_k", 0, 50, 0, 1, words("settings.off"))
            top_p = slider("top_p", 0.01, 1, 0.8, 0.01, words("diversity.one_off"))
        with gr.Accordion(words("settings.more"), open=False, elem_id="diversity-more"):
            with gr.Row(elem_classes="knobs"):
                min_p = slider("min_p", 0, 0.95, 0, 0.01, words("settings.off"))
                typical_p = slider("typical_p", 0.01, 1, 1, 0.01, words("diversity.one_off"))
                epsilon = slider("epsilon_cutoff", 0, 0.5, 0, 0.01, words("settings.off"))
            order = gr.Radio(
                [(words(f"diversity.order_{name}"), name) for name in ORDERS],
                value="library",
                label=words("diversity.order"),
                elem_id="diversity-order",
            )
        status = gr.HTML(marks.say(), elem_id="diversity-status")
        with gr.Row(elem_classes="wf-pair"):
            with gr.Column(elem_classes="wf-edit") as edit:
                table = word_table(words, "diversity-words")
            # once it stands in the page it asks for its first figure: building it needs torch
            figure = gr.HTML(
                f'<div class="wf-wait">{escape(words("diversity.wait"))}</div>',
                js_on_load="trigger('input')",
                elem_id="diversity-steps",
            )
        with gr.Row(elem_classes="tools"):
            draw = gr.Button(words("diversity.draw", n=f"{DRAWS:,}"), elem_id="diversity-draw")
        drawn = gr.HTML(marks.say(), elem_id="diversity-drawn")
    with gr.Accordion(words("code.title"), open=False, elem_classes="card fold"):
        code = gr.HTML(elem_id="diversity-code")

    settings = [temperature, top_k, top_p, min_p, typical_p, epsilon]
    inputs = [step, source, order, *settings]

    def looked_at(s: Step, kind: str) -> tuple[object, Sequence[str], NextToken | None]:
        """Return logits, what each is called, and the model's answer where it is the model's."""
        from backend.sampling import logits_of

        if kind == "model":
            found = asked(s.prompt, s.model, person=s.person)
            return found.logits, found.pieces, found
        return logits_of(s.words), list(s.words), None

    def show(s: Step, kind: str, order_name: str, *values: float) -> dict:
        from backend.sampling import passes

        try:
            params = read_step(*values)
            logits, names, found = looked_at(s, kind)
        except LabError as error:
            return {status: marks.say(words.error(error), bad=True)}
        steps = list(passes(logits, params, ORDERS[order_name]))  # type: ignore[arg-type]
        ids, panels = panels_of(steps)
        labels = [names[i] for i in ids]
        last = panels[-1]
        said = words("diversity.said", kept=f"{last.kept:,}", total=f"{last.total:,}")
        if found:
            said += " " + words("diversity.said_model", n=found.prompt_tokens, model=found.model)
        return {
            status: marks.say(said),
            figure: waterfall_html(labels, panels, params, words, with_given=kind == "model"),
            code: code_html(*snippet(s, kind, order_name, params), words),
        }

    async def redraw(s: Step, kind: str, order_name: str, *values: float) -> dict:
        return await asyncio.to_thread(show, s, kind, order_name, *values)

    async def edited(
        s: Step, kind: str, order_name: str, event: gr.EventData, *values: float
    ) -> dict:
        s.words = read_words(event.rows)
        return await redraw(s, kind, order_name, *values)

    async def turned(
        s: Step, kind: str, order_name: str, request: gr.Request, *values: float
    ) -> AsyncIterator[dict]:
        """Swap the words for the prompt, or back."""
        s.person = person_of(identity, request)
        yield {
            edit: gr.update(visible=kind == "words"),
            ask: gr.update(visible=kind == "model"),
            status: marks.say(words("waiting.start")),
        }
        yield await redraw(s, kind, order_name, *values)

    async def looked(
        s: Step,
        text: str,
        model_name: str,
        kind: str,
        order_name: str,
        request: gr.Request,
        *values: float,
    ) -> AsyncIterator[dict]:
        s.prompt, s.model, s.person = text, model_name, person_of(identity, request)
        yield {status: marks.say(words("waiting.start"))}
        yield await redraw(s, kind, order_name, *values)

    def count(s: Step, kind: str, order_name: str, *values: float) -> str:
        from backend.sampling import counts, passes

        try:
            params = read_step(*values)
            logits, names, _ = looked_at(s, kind)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        last = list(passes(logits, params, ORDERS[order_name]))[-1].probs  # type: ignore[arg-type]
        return counts_html(names, last.tolist(), counts(last, DRAWS, SEED), words)

    outputs = [status, figure, code]
    quick = {"trigger_mode": "always_last", **QUIET}
    gr.on([c.change for c in (*settings, order)], redraw, inputs, outputs, **quick)  # type: ignore[attr-defined]
    figure.input(redraw, inputs, outputs, **quick)
    table.input(edited, inputs, outputs, **quick)
    source.change(turned, inputs, [edit, ask, *outputs], **QUIET)
    gr.on(
        [look.click, prompt.submit, model.input],
        looked,
        [step, prompt, model, source, order, *settings],
        outputs,
        **QUIET,
    )
    draw.click(count, inputs, drawn, **QUIET)
    return StepsPanel(
        step=step,
        settings=settings,
        fields={
            "step_source": source,
            "step_prompt": prompt,
            "step_temperature": temperature,
            "step_top_k": top_k,
            "step_top_p": top_p,
            "step_min_p": min_p,
            "step_typical_p": typical_p,
            "step_epsilon": epsilon,
            "step_order": order,
        },
    )


def slider(
    name: str, least: float, most: float, value: float, step: float, info: str | None = None
) -> gr.Slider:
    """A setting of one step, named as in the code."""
    return gr.Slider(
        least, most, value=value, step=step, label=name, info=info,
        elem_id=f"diversity-{name}", min_width=140,
    )  # fmt: skip


def counts_html(
    names: Sequence[str], probs: Sequence[float], found: Sequence[int], words: Words
) -> str:
    """Draw how often each word came, beside how often it should have."""
    most = sorted(range(len(found)), key=lambda i: -found[i])[:12]
    top = max(found)
    rows = "".join(
        f'<li class="wf-row"><code>{escape(names[i])}</code><span class="wf-bar">'
        f'<i style="width:{100 * found[i] / top:.2f}%"></i>'
        f'<b style="left:{min(100, 100 * DRAWS * probs[i] / top):.2f}%"></b></span>'
        f'<span class="n">{found[i]} / {DRAWS * probs[i]:.0f}</span></li>'
        for i in most
        if found[i]
    )
    heading = marks.heading(words("diversity.drawn", n=f"{DRAWS:,}", seed=SEED), words, "measured")
    note = f'<p class="src">{escape(words("diversity.drawn_note"))}</p>'
    return f'{heading}<section class="wf drawn"><ul>{rows}</ul></section>{note}'
