"""Which settings really act, and what the library says to wrong ones: asked live."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from html import escape

import gradio as gr

from backend.effective import LLAMA_2_CHAT, SOURCES, Setting, effective
from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.job_results import short
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill
from demo.widgets.fold import fold, table
from demo.widgets.settings_row import read
from demo.words import Words

CALLS = ("bare", "generate", "two", "lab")
FILES = ("here", "llama")
# errata 13 and 15, and the misspelt names: each is asked of the library as it stands
ASKED: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("greedy", {"do_sample": False, "num_return_sequences": 3}),
    ("beam", {"do_sample": False, "num_beams": 5, "num_return_sequences": 3}),
    ("integer", {"do_sample": True, "temperature": 10}),
    ("zero", {"do_sample": True, "temperature": 0.0}),
    ("top_p", {"do_sample": True, "top_p": 2.0}),
    ("epsilon", {"do_sample": True, "epsilon_cutoff": 1.5}),
)
OURS = ("do_sample", "temperature", "top_p", "epsilon_cutoff", "num_return_sequences")
NEW_TOKENS = 16


def effective_panel(
    lab: Lab, identity: Identity, words: Words, asked: Sequence[gr.components.Component]
) -> None:
    """Draw both panels; `asked` are prompt, model, N and the settings row."""
    with fold(words, "effective.title", "core", "samples-effective"):
        gr.Markdown(words("effective.what"))
        call = gr.Radio(
            [(words(f"effective.call_{name}"), name) for name in CALLS],
            value=CALLS[0],
            label=words("effective.call"),
            elem_id="samples-effective-call",
        )
        file = gr.Radio(
            [(words(f"effective.file_{name}"), name) for name in FILES],
            value=FILES[0],
            label=words("effective.file"),
            elem_id="samples-effective-file",
        )
        with gr.Row(elem_classes="tools"):
            look = gr.Button(words("effective.go"), elem_id="samples-effective-go")
        table = gr.HTML(marks.say(), elem_id="samples-effective-table")
        for name in ("effective", "sampling"):
            gr.HTML(code_html(name, fill(name, {}), words))
    with fold(words, "effective.refused_title", "deep", "samples-refused"):
        gr.Markdown(words("effective.refused_what"))
        with gr.Row(elem_classes="tools"):
            ask = gr.Button(words("effective.refused_go"), elem_id="samples-refused-go")
        answers = gr.HTML(marks.say(), elem_id="samples-refused-table")

    async def show(name: str, whose: str, text: str, model: str, n: float, *values: object) -> str:
        try:
            params = read(*values)  # type: ignore[arg-type]
            given = LLAMA_2_CHAT
            if whose == "here":
                loaded = await asyncio.to_thread(lab.engine.model, model)
                given = loaded.model.generation_config.to_diff_dict()
            rows = await asyncio.to_thread(
                effective, arguments(name, params), given, pipeline=name in ("bare", "two")
            )
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return table_html(rows, words, recorded=whose == "llama")

    async def refused(text: str, model: str, request: gr.Request) -> AsyncIterator[str]:
        """Ask the library one after the other; each answer stands as soon as it is there."""
        done, person = list[str](), person_of(identity, request)
        try:
            await short(lab, text, model)  # the library reads it in one go, once per beam
            ids = [record.id for record in await asyncio.to_thread(lab.tokenize, text, model)]
            for name, options in ASKED:
                said, bad = await asyncio.to_thread(
                    library_says, lab, model, ids, options, words, person
                )
                done.append(answer_html(name, options, said, bad, words))
                yield answers_html(done, words)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    gr.on([look.click, call.input, file.input], show, [call, file, *asked], table, **QUIET)
    ask.click(refused, list(asked[:2]), answers, **QUIET)


def arguments(name: str, params: SamplingParams) -> dict[str, object]:
    """Return the arguments of one of CALLS."""
    if name in ("bare", "generate"):
        return {"do_sample": True}
    names = ["temperature", "top_p"]
    if name == "lab":
        names += ["top_k", "epsilon_cutoff", "max_new_tokens"]
    return {"do_sample": True} | {name: getattr(params, name) for name in names}


def library_says(
    lab: Lab,
    model: str,
    ids: Sequence[int],
    options: Mapping[str, object],
    words: Words,
    person: str = "",
) -> tuple[str, bool]:
    """Run `generate` on the model thread; return its message, or the texts, and if it refused."""
    from backend.library import library_generate

    try:
        *_, rows = lab.run(
            lambda loaded: library_generate(loaded, ids, max_new_tokens=NEW_TOKENS, **options),
            model,
            person=person,
        )
    except LabError:
        raise
    except ValueError as error:
        return str(error), True
    assert isinstance(rows, list)
    texts = [
        " ".join(lab.decode(row, skip_special_tokens=True, model=model).split()) for row in rows
    ]
    return words("effective.accepted", n=len(texts)) + " " + " / ".join(texts), False


def greedy_says(lab: Lab, text: str, model: str, words: Words, person: str) -> str:
    """Return the library's own words on several texts without drawing (errata 13)."""
    ids = [record.id for record in lab.tokenize(text, model)]
    said, _ = library_says(lab, model, ids, ASKED[0][1], words, person)
    return words("effective.greedy_says", said=said)


def lab_says(options: Mapping[str, object], words: Words) -> tuple[str, bool]:
    """What this lab answers to the same settings."""
    if "num_beams" in options:
        return words("effective.elsewhere"), False
    try:
        SamplingParams(**{k: v for k, v in options.items() if k in OURS})  # type: ignore[arg-type]
    except LabError as error:
        return words.error(error), True
    return words("effective.taken"), False


def answer_html(
    name: str, options: Mapping[str, object], said: str, bad: bool, words: Words
) -> str:
    """One row: the call, the library's answer, this lab's."""
    code = escape(", ".join(f"{k}={v!r}" for k, v in options.items()))
    note = escape(words(f"effective.asked_{name}"))
    row = f'<th scope="row"><code>{code}</code><div class="src">{note}</div></th>'
    for text, no in ((said, bad), lab_says(options, words)):
        verdict = "no" if no else "yes"
        told = escape(words(f"effective.{verdict}"))
        row += f'<td class="{verdict}"><b>{told}</b> {escape(text)}</td>'
    return f"<tr>{row}</tr>"


def answers_html(rows: Sequence[str], words: Words) -> str:
    """The table of answers."""
    heads = "".join(
        f'<th scope="col">{escape(words(f"effective.{key}"))}</th>' for key in ("library", "lab")
    )
    title = words("effective.answers")
    body = f"<tr><td></td>{heads}</tr>{''.join(rows)}"
    return marks.heading(title, words, "measured") + table(title, body, "grid says")


def table_html(rows: Sequence[Setting], words: Words, *, recorded: bool) -> str:
    """One row per setting; what acts is marked, what is overruled is struck through."""
    heads = "".join(f'<th scope="col">{escape(words(f"effective.from_{s}"))}</th>' for s in SOURCES)
    body = f'<tr><td></td>{heads}<th scope="col">{escape(words("effective.acts"))}</th></tr>'
    for row in rows:
        cells = ""
        for source in SOURCES:
            value = row.says.get(source)
            text = "–" if value is None else escape(str(value))
            if value is not None and source != row.acts:
                text = f"<s>{text}</s>"
            cells += f'<td class="{"new" if source == row.acts else ""}">{text}</td>'
        acts = "–" if row.value is None else escape(str(row.value))
        body += (
            f'<tr><th scope="row"><code>{row.name}</code></th>{cells}<td><b>{acts}</b></td></tr>'
        )
    hidden = ", ".join(
        f"{row.name}={row.value}"
        for row in rows
        if row.name in ("temperature", "top_k", "top_p")
        and row.acts not in ("call", None)
        and row.value not in (1.0, 0)
    )
    said = words("effective.hidden", settings=hidden) if hidden else words("effective.plain")
    title = words("effective.table")
    badge: marks.Badge = "recorded" if recorded else "measured"
    return marks.heading(title, words, badge) + table(title, body) + f"<p>{escape(said)}</p>"
