"""Success instead of one sample: over n seeds of one prompt, or over a set of unseen contents."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from html import escape

import gradio as gr

from backend.errors import LabError
from backend.instructions import NEW_TOKENS, Task, held_out, obeys, task_of
from backend.lab import Lab
from backend.types import Message, SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET, when_stopped
from demo.identity import Identity
from demo.links import Fields
from demo.widgets import marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.fold import fold
from demo.widgets.prompt_ask import MODELS, Ask, Chosen, read
from demo.widgets.prompt_grid import first_line
from demo.widgets.rate_bar import rate_bars
from demo.widgets.set_runs import Group, run_groups
from demo.words import Words

SIZES = (10, 20, 40)
CHAT = MODELS[1]


def groups_of(chosen: Chosen, over: str, n: int, heat: float, words: Words) -> list[Group]:
    """Return the rows: each template that can be judged on each model, and as a turn of a chat.

    Over seeds, the first content is drawn with seeds 0 to n-1; over a set, greedily. Raises
    LabError where no template can be judged.
    """
    greedy = SamplingParams(max_new_tokens=NEW_TOKENS, num_alternatives=0)
    drawn = [
        SamplingParams(
            do_sample=True,
            temperature=heat,
            seed=seed,
            max_new_tokens=NEW_TOKENS,
            num_alternatives=0,
        )
        for seed in range(n)
    ]
    found = []
    for number, template in enumerate(chosen.templates, start=1):
        task = task_of(template)
        first = chosen.contents[0]
        if task is None or (over == "seeds" and obeys(task, first, "") is None):
            continue
        contents = [first] * n if over == "seeds" else held_out(task, n)
        texts = [chosen.prompt(template, content) for content in contents]
        turns: list[Sequence[Message]] = [[{"role": "user", "content": text}] for text in texts]

        def judge(i: int, said: str, task: Task = task, contents: Sequence[str] = contents) -> bool:
            return bool(obeys(task, contents[i], said))

        for model, prompts, who in (
            (MODELS[0], texts, words("prompt.pocket-base")),
            (CHAT, texts, words("prompt.pocket-chat")),
            (CHAT, turns, words("prompt.as_turn")),
        ):
            found.append(
                Group(
                    name=f"{number} · {who}",
                    model=model,
                    prompts=prompts,
                    judge=judge,
                    params=drawn if over == "seeds" else greedy,
                )
            )
    if not found:
        raise LabError(
            "no_judge",
            "none of these templates and contents can be judged",
            "Ask for a translation, a short sentence or a paraphrase of one of the contents",
            field="template",
            value=chosen.templates[0][:80],
            allowed="translate, short sentence, paraphrase",
        )
    return found


def success_panel(lab: Lab, identity: Identity, words: Words, ask: Ask) -> Fields:
    """Draw the card and bind its handlers."""
    greedy = SamplingParams(max_new_tokens=NEW_TOKENS)
    with fold(words, "prompt.success_title", "core", "prompt-success"):
        gr.Markdown(words("prompt.success_what"))
        with gr.Row(elem_classes="knobs"):
            over = gr.Radio(
                [(words(f"prompt.over_{name}"), name) for name in ("seeds", "set")],
                value="seeds",
                label=words("prompt.over"),
                elem_id="prompt-over",
            )
            n = gr.Radio(list(SIZES), value=SIZES[0], label="n", elem_id="prompt-n")
            heat = gr.Number(
                1.0, label=words("prompt.heat"), step=0.1, precision=None, elem_id="prompt-heat"
            )
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("prompt.success_go"), elem_id="prompt-success-go")
            stop = gr.Button(words("stop"), elem_id="prompt-success-stop")
        status = gr.HTML(marks.say(), elem_id="prompt-success-status")
        shown = gr.HTML("", elem_id="prompt-success-shown")
        code = gr.HTML(elem_id="prompt-success-code")

    async def run(
        kind: str, size: int, t: float, request: gr.Request, *values: object
    ) -> AsyncIterator[dict]:
        try:
            chosen = read(*values)  # type: ignore[arg-type]
            groups = groups_of(chosen, kind, int(size), t, words)
            yield {status: marks.say(words("waiting.start")), code: snippet(chosen, int(size), t)}
            running = run_groups(lab, groups, greedy, person=person_of(identity, request))
            async with contextlib.aclosing(running):
                async for done, total in running:
                    yield {
                        status: marks.say(words("prompt.of", n=done, of=total)),
                        shown: success_html(chosen, groups, words),
                    }
            said = words("prompt.success_done", heat=t) if kind == "seeds" else ""
            yield {status: marks.say(said or words("prompt.set_done"))}
        except LabError as error:
            yield {status: marks.say(words.error(error), bad=True)}

    def snippet(chosen: Chosen, size: int, t: float) -> str:
        return code_html("success_rate", snippet_code(chosen, size, t), words)

    began = go.click(run, [over, n, heat, *ask.values], [status, shown, code], **QUIET)
    when_stopped(stop, [began], lambda: marks.say(words("prompt.stopped")), [], [status])
    return {"over": over, "n": n, "heat": heat}


def snippet_code(chosen: Chosen, size: int, heat: float) -> str:
    """Return the code that counts the first template's successes on the chat model over seeds.

    It compares with the one right answer; short sentences have many, then it counts the course's.
    """
    from pocket.sentences import PAIRS

    template, content = chosen.templates[0], chosen.contents[0]
    task = task_of(template)
    pair = next((p for p in PAIRS if p.english == content), None)
    values: dict[str, object] = {
        "MODEL": model_value(CHAT),
        "SAMPLING": {"do_sample": True, "temperature": float(heat), "top_k": 0, "top_p": 1.0},
        "N": size,
    }
    if pair and task in ("translate", "paraphrase"):
        values["PROMPT"] = chosen.prompt(template, content)
        values["RIGHT"] = pair.japanese if task == "translate" else pair.paraphrase
    return fill("success_rate", values)


def success_html(chosen: Chosen, groups: Sequence[Group], words: Words) -> str:
    """Draw the bars, the templates by their numbers, and what else came out most often."""
    label = words("prompt.success_title")
    named = "".join(
        f'<div class="src">{number} · <code>{escape(template.replace(chr(10), " ⏎ "))}</code></div>'
        for number, template in enumerate(chosen.templates, start=1)
    )
    wrong = [
        first_line(group.said[i].text)[0]
        for group in groups
        for i in sorted(group.said)
        if group.model == CHAT and not group.judge(i, group.said[i].text)
    ]
    other = words("prompt.a_failure", text=wrong[0]) if wrong and wrong[0] else ""
    return (
        marks.heading(label, words, "measured")
        + named
        + rate_bars(words, [(group.name, group.rate) for group in groups], label)
        + (marks.plain(other, "src") if other else "")
    )
