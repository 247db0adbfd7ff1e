"""Automatic prompt search: candidates on a dev set, the best of them on an unseen test set."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.instructions import CANDIDATES, NEW_TOKENS, Task, best, held_out, obeys, task_of
from backend.lab import Lab
from backend.prompts import parts, prompt
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold, table
from demo.widgets.prompt_ask import MODELS
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.widgets.two_colours import legend, spans
from demo.words import Words
from pocket.sentences import PAIRS

DEV, TEST = 8, 20
GREEDY = SamplingParams(max_new_tokens=NEW_TOKENS, num_alternatives=0)
TASKS: tuple[Task, ...] = ("translate", "paraphrase")


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is tried on which items; no item of the test set is in the dev set."""

    task: Task
    model: str
    candidates: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]

    def group(self, template: str, contents: Sequence[str]) -> Group:
        """Return one candidate's row over a set."""
        return Group(
            name=template.replace("\n", " ⏎ "),
            model=self.model,
            prompts=[prompt(template, {"content": content}) for content in contents],
            judge=lambda i, said: bool(obeys(self.task, contents[i], said)),
        )


def search_of(task: Task, model: str, own: str) -> Search:
    """Return the search of a task; `own` joins where it asks for the task. Raises LabError."""
    prompt(own, {"content": ""})
    mine = (own,) if task_of(own) == task else ()
    items = held_out(task, DEV + TEST)
    return Search(
        task=task,
        model=model,
        candidates=tuple(dict.fromkeys((*CANDIDATES[task], *mine))),
        dev=tuple(items[:DEV]),
        test=tuple(items[DEV:]),
    )


def search_panel(lab: Lab, identity: Identity, words: Words, own: gr.Textbox) -> Fields:
    """Draw the card and bind its handlers; `own` is the learner's template."""
    with fold(words, "prompt.search_title", "core", "prompt-search"):
        gr.Markdown(words("prompt.search_what", dev=DEV, test=TEST))
        gr.HTML(apart_html(words))
        with gr.Row(elem_classes="knobs"):
            task = gr.Radio(
                [(words(f"prompt.task_{name}"), name) for name in TASKS],
                value=TASKS[0],
                label=words("prompt.task"),
                elem_id="prompt-task",
            )
            model = gr.Radio(
                [(words(f"prompt.{name}"), name) for name in MODELS],
                value=MODELS[0],
                label=words("fields.model"),
                elem_id="prompt-search-model",
            )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("prompt.search_go"), elem_id="prompt-search-go")
            stop = gr.Button(words("stop"), elem_id="prompt-search-stop")
        status = gr.HTML(marks.say(), elem_id="prompt-search-status")
        shown = gr.HTML("", elem_id="prompt-search-shown")
        code = gr.HTML(code_html("prompt_search", fill("prompt_search", {}), words))

    async def run(
        wanted: Task, name: str, template: str, request: gr.Request
    ) -> AsyncIterator[dict]:
        try:
            search = search_of(wanted, name, template)
            tried = [search.group(one, search.dev) for one in search.candidates]
            yield {
                status: marks.say(words("waiting.start")),
                code: code_html("prompt_search", snippet_code(search), words),
            }
            person = person_of(identity, request)
            running = run_groups(lab, tried, GREEDY, person=person)
            async with contextlib.aclosing(running):
                async for done, total in running:
                    said = words("prompt.search_dev", n=done, of=total)
                    yield {status: marks.say(said), shown: dev_html(search, tried, words)}
            won = best([group.rate for group in tried], search.candidates)
            again = dict.fromkeys((search.candidates[won], search.candidates[0]))
            tested = [search.group(one, search.test) for one in again]
            running = run_groups(lab, tested, GREEDY, person=person)
            async with contextlib.aclosing(running):
                async for done, total in running:
                    drawn = dev_html(search, tried, words, won) + test_html(tested, words)
                    said = words("prompt.search_test", n=done, of=total)
                    yield {status: marks.say(said), shown: drawn}
            yield {status: marks.say(words(f"prompt.search_done_{name}"))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    began = go.click(run, [task, model, own], [status, shown, code], **QUIET)
    when_stopped(stop, [began], lambda: marks.say(words("prompt.stopped")), [], [status])
    return {"task": task, "search_model": model}


def apart_html(words: Words) -> str:
    """Draw what is changed by hand, by a search, by prompt tuning and by training (errata 25)."""
    heads = "<td></td>" + "".join(
        f'<th scope="col">{escape(words(f"prompt.apart_{key}"))}</th>'
        for key in ("changes", "readable", "paper")
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(words(f"prompt.apart_{way}"))}</th>'
        + "".join(
            f"<td>{escape(words(f'prompt.apart_{way}_{key}'))}</td>"
            for key in ("changes", "readable", "paper")
        )
        + "</tr>"
        for way in ("hand", "search", "soft")
    )
    return table(words("prompt.apart_title"), f"<tr>{heads}</tr>{rows}", "grid claims")


def dev_html(search: Search, tried: Sequence[Group], words: Words, won: int = -1) -> str:
    """Draw every candidate with its count on the dev set; the winner is named."""
    label = words("prompt.search_tried")
    rows = ""
    for i, (template, group) in enumerate(zip(search.candidates, tried)):
        mark = f'<span class="same">{escape(words("prompt.won"))}</span>' if i == won else ""
        rows += (
            f'<tr><th scope="row">{spans(parts(template))}</th>'
            f'<td class="n">{group.rate.right} / {group.rate.total}</td>'
            f'<td class="n">{mark}</td></tr>'
        )
    key = f'<div class="parts">{legend(words)}</div>'
    return marks.heading(label, words, "measured") + key + table(label, rows, "grid prompts")


def test_html(tested: Sequence[Group], words: Words) -> str:
    """Draw the winner and the course's wording on the test set."""
    label = words("prompt.search_tested")
    rows = [(group.name, group.rate) for group in tested]
    return marks.heading(label, words, "measured") + rate_bars(words, rows, label)


def snippet_code(search: Search) -> str:
    """Return the code of the same search."""
    known = {p.english: p.japanese if search.task == "translate" else p.paraphrase for p in PAIRS}
    return fill(
        "prompt_search",
        {
            "MODEL": model_value(search.model),
            "CANDIDATES": list(search.candidates),
            "DEV": {content: known[content] for content in search.dev},
            "TEST": {content: known[content] for content in search.test},
        },
    )
