"""Start: this machine, the model's files, the cache, login (the course's 0 and its setup)."""

import asyncio
import importlib.metadata
from pathlib import Path

import gradio as gr

from backend import hub_cache, machine
from backend.catalog import MODELS
from backend.errors import LabError
from backend.lab import Lab
from demo.endpoints import told
from demo.events import QUIET
from demo.identity import Identity
from demo.links import Fields, link_button
from demo.widgets import disk, marks
from demo.widgets.code_pane import code_html, fill, model_value
from demo.widgets.commands import command_html
from demo.widgets.exercises import exercise, progress, verdict
from demo.widgets.fold import fold
from demo.widgets.login import moved_html, resolved_html
from demo.widgets.this_machine import machine_html
from demo.words import Words

HF_HOME = "/mnt/class/huggingface"
ASKED = {"home": "/mnt/class/models", "hub": "/fast/hub"}  # the second exercise's folders
COURSE = "/mnt/dx2_data/huggingface"  # lines 169 and 1695
UV = "curl -LsSf https://astral.sh/uv/install.sh | sh\nuv -h"
VENV = "uv venv --python {version}\nsource .venv/bin/activate\npython --version"
NEEDED = 'uv pip install "transformers[ja,sentencepiece]" torch'
REST = "uv pip install accelerate bitsandbytes sacrebleu streamlit vllm ddgs langchain-community"
CHECK = 'python -c "import torch; print(torch.cuda.is_available())"'
BEFORE = f"""export HF_HOME="{COURSE}"
export HF_HUB_CACHE="{COURSE}/hub"
export HF_ASSETS_CACHE="{COURSE}/assets"
export HF_TOKEN_PATH="$HOME/.cache/huggingface/token"
"""
LOGIN = "hf auth login\nhf auth whoami"


def build(lab: Lab, identity: Identity, words: Words) -> Fields:
    """Draw the tab and bind its handlers."""
    core = words("level.core")
    floor = importlib.metadata.metadata("transformers")["Requires-Python"]
    title, lesson = words.lesson("start")
    with gr.Row(elem_classes="two"):
        gr.HTML(marks.title(title), elem_classes="title")
        with gr.Column(elem_classes="lesson"):
            gr.Markdown(lesson, elem_classes="prose")
            with gr.Column(elem_classes="predict"):
                guess = gr.Radio(
                    [(words(f"start.predict_{n}"), n) for n in ("model", "library")],
                    label=words("start.predict"),
                    elem_id="start-guess",
                )
                reveal = gr.HTML(marks.say(), elem_id="start-reveal")
            with gr.Accordion(words("exercise.title"), open=False, elem_id="start-exercises"):
                count = gr.Number(
                    label=words("start.exercise_1_label"),
                    precision=0,
                    elem_id="start-exercise-1",
                    render=False,
                )
                first = exercise(words, "start", 1, answer=count)
                path = gr.Textbox(
                    label=words("start.exercise_2_label"),
                    elem_id="start-exercise-2",
                    render=False,
                )
                second = exercise(words, "start", 2, answer=path, **ASKED)
                progress(words)
        with gr.Column(elem_classes="bench"):
            with gr.Column(elem_classes="card"):
                gr.HTML(
                    marks.heading(words("start.ask"), words, note=core)
                    + marks.plain(words("start.what"), "prose")
                )
                look = gr.Button(words("start.look"), variant="primary", elem_id="start-look")
                here = gr.HTML(marks.say(), elem_id="start-machine")
            with gr.Column(elem_classes="card"):
                files = gr.HTML(
                    marks.heading(words("start.files"), words, note=core)
                    + marks.say(words("inside.wait")),
                    elem_id="start-files",
                )
            with fold(words, "start.cache", "core", "start-cache"):
                look_cache = gr.Button(words("start.look_cache"), elem_id="start-look-cache")
                held = gr.HTML(marks.say(), elem_id="start-held")
                with gr.Row(elem_classes="ask"):
                    choice = gr.Dropdown([], label=words("start.choose"), elem_id="start-choose")
                    delete = gr.Button(words("start.delete"), elem_id="start-delete")
                deleted = gr.HTML(marks.say(words("start.delete_note")), elem_id="start-deleted")
            with fold(words, "start.login", "core", "start-login"):
                gr.Markdown(words("start.login_text"))
                gr.HTML(
                    command_html("before", BEFORE, words, note=words("start.before"))
                    + command_html("login", LOGIN, words, note=words("start.login_note"))
                )
                prove = gr.Button(words("start.prove"), elem_id="start-prove")
                moved = gr.HTML(marks.say(), elem_id="start-moved")
                with gr.Row(elem_classes="ask"):
                    hf_home = gr.Textbox(
                        HF_HOME, label=words("start.hf_home"), elem_id="start-hf-home"
                    )
                    resolve = gr.Button(words("start.resolve"), elem_id="start-resolve")
                resolved = gr.HTML(marks.say(), elem_id="start-resolved")
                link_button(words, "start", {"hf_home": hf_home})
            with fold(words, "start.install", "deep", "start-install"):
                gr.HTML(install_html(floor, words))
            with fold(words, "start.notes", "deep", "start-notes"):
                gr.Markdown(words("start.notes_text"))
            with gr.Row(elem_classes="two-cards"):
                with gr.Column(elem_classes="card"):
                    code = gr.HTML(snippet("this_machine", words), elem_id="start-code")
                with gr.Column(elem_classes="card"):
                    gr.HTML(
                        marks.heading(words("recorded.title"), words, "recorded")
                        + marks.plain(words("start.recorded"), "prose"),
                        elem_id="start-recorded",
                    )

    async def look_here() -> tuple[str, str, str]:
        """The machine's tables, and the loaded model's files."""
        with told(words):
            info = (await asyncio.to_thread(lab.engine.model)).info
            found = await asyncio.to_thread(machine.machine)
            folder = await asyncio.to_thread(folder_of, info.model)
            return (
                machine_html(found, machine.libraries(), floor, words),
                disk.model_files(info, folder, words),
                snippet("model_files", words, MODEL=model_value(info.model)),
            )

    async def look_there() -> tuple[str, object, str]:
        """The cache's folders and what has been downloaded."""
        with told(words):
            folders = await asyncio.to_thread(hub_cache.folders)
            repos = await asyncio.to_thread(hub_cache.cached)
            names = [(f"{repo.id} · {disk.size(repo.bytes)}", repo.id) for repo in repos]
            shown = disk.cache_html(folders, repos, hub_cache.token_source(), words)
            return shown, gr.update(choices=names, value=None), snippet("hub_cache", words)

    async def delete_repo(repo: str | None, request: gr.Request) -> str:
        try:
            if not identity.is_teacher(request.cookies, request.headers.get("host", "")):
                raise LabError(
                    "teacher_deletes", "only the teacher deletes", "Enter the key at /teacher"
                )
            if repo in lab.downloads.under_way:
                raise LabError(
                    "cache_fetching", f"{repo} is being downloaded", "Stop that first", model=repo
                )
            in_use = [loaded.model for loaded in lab.status().models]
            freed = await asyncio.to_thread(hub_cache.delete, repo or "", in_use=in_use)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return marks.say(words("start.deleted", id=repo, size=disk.size(freed)))

    async def try_moving() -> tuple[str, str]:
        """Errata 23, live."""
        with told(words):
            steps = await asyncio.to_thread(hub_cache.moved)
            note = marks.plain(words("start.moved_note"), "src")
            return moved_html(steps, words) + note, snippet("token_path", words)

    async def resolve_home(home: str) -> str:
        try:
            found = await asyncio.to_thread(hub_cache.under, home)
        except LabError as error:
            return marks.say(words.error(error), bad=True)
        return resolved_html(home, found, words)

    async def predict(answer: str) -> str:
        with told(words):
            info = (await asyncio.to_thread(lab.engine.model)).info
            library = await asyncio.to_thread(machine.library_bytes, "torch")
            folder = await asyncio.to_thread(folder_of, info.model)
            model = disk.weights_file_bytes(folder) if folder else info.weights_bytes
            larger = "model" if model > library else "library"
            lab.exercise("start-predict", answer == larger)
            times = max(model, library) / max(min(model, library), 1)
            key = "start.reveal_larger" if larger == "model" else "start.reveal"
            sizes = {"model": disk.size(model), "library": disk.size(library)}
            return marks.say(words(key, times=f"{times:.0f}", **sizes))

    async def exercise_1(answer: float | None) -> str:
        info = (await asyncio.to_thread(lab.engine.model)).info
        held_bytes = info.weights_bytes + info.quant_state_bytes
        right = answer is not None and abs(answer - held_bytes) <= 0.01 * held_bytes
        return verdict(lab, words, "start-1", right, words("start.exercise_1_not"), answer=answer)

    async def exercise_2(answer: str) -> str:
        found = await asyncio.to_thread(hub_cache.under, ASKED["home"], ASKED["hub"])
        given = answer.strip().strip("\"'").replace("$HF_HOME", ASKED["home"])
        right = given == found.token
        return verdict(lab, words, "start-2", right, words("start.exercise_2_not"), answer=answer)

    look.click(look_here, None, [here, files, code], **QUIET)
    look_cache.click(look_there, None, [held, choice, code], **QUIET)
    delete.click(delete_repo, choice, deleted, **QUIET)
    prove.click(try_moving, None, [moved, code], **QUIET)
    gr.on([resolve.click, hf_home.submit], resolve_home, hf_home, resolved, **QUIET)
    guess.input(predict, guess, reveal, **QUIET)
    first.check.click(exercise_1, count, first.told, **QUIET)
    gr.on([second.check.click, path.submit], exercise_2, path, second.told, **QUIET)
    return {"hf_home": hf_home}


def folder_of(model: str) -> Path | None:
    """Return the folder from which a loaded model was read."""
    return hub_cache.model_folder(MODELS[model].source if model in MODELS else model)


def snippet(name: str, words: Words, **values: object) -> str:
    """The code pane with a snippet in it."""
    return code_html(name, fill(name, values), words)


def install_html(floor: str, words: Words) -> str:
    """The course's setup with today's commands."""
    version = floor.removeprefix(">=").split(".0")[0]
    transformers = importlib.metadata.version("transformers")
    venv = words("start.install_venv", version=transformers, floor=floor)
    return "".join(
        command_html(name, commands, words, note=note)
        for name, commands, note in (
            ("uv", UV, words("start.install_uv")),
            ("venv", VENV.format(version=version), venv),
            ("needed", NEEDED, words("start.install_needed")),
            ("rest", REST, words("start.install_rest")),
            ("check", CHECK, words("start.install_check")),
        )
    )
