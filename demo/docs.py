"""Write what docs/api.md and both READMEs say of endpoints, settings and files: from the code.

python -m demo.docs    # writes them; tests/test_docs.py checks that they are current
"""

import ast
import re
import subprocess
from collections import Counter
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import get_args

from fastapi.routing import APIRoute

from backend.api import router
from backend.catalog import ROOT
from backend.engine import FILTERS, Capability
from backend.lab import Lab
from backend.local import LocalEngine
from backend.openai_request import RECORDS
from backend.remote import capabilities_of
from backend.remote_answer import Server
from backend.remote_loop import EXTRA
from backend.settings import Settings
from demo.app import build, create_app
from demo.capabilities import FILTER_IDS, NEEDS
from demo.identity import Identity
from demo.words import LANGS, Lang, Words, words

API = Path("docs/api.md")
REMOTE = Path("docs/remote.md")
OWN = ("demo.app", "demo.teacher", "backend.api")  # the modules whose routes are listed
READMES: dict[Lang, Path] = {"en": Path("README.md"), "ja": Path("README.ja.md")}
# what a folder holds whose files have no docstring; the others are listed file by file
FOLDERS = {
    "demo/assets": "the page's style and scripts, no library",
    "demo/lessons": "each tab's prose, `<tab>.en.md` and `<tab>.ja.md`",
    "demo/locales": "every short string of the page, one file per language",
    "docs": "the API, deployment, monitoring, the course's map, a token's walk; the screenshots",
    "pocket/weights": "the shipped models, base and chat, and their card",
    "benchmarks/results": "what the benchmarks measured, with machine and versions",
    "tests": "one file per module or tab; tests/browser.py drives Chromium",
}


@cache
def api_page() -> str:
    """Return docs/api.md."""
    lab, settings = Lab(Settings()), Settings()
    info = build(lab, Identity(settings), words(LANGS[0])).get_api_info()
    parts = [
        "# API",
        "Made by `python -m demo.docs`; a test checks that it is current.",
        "## Endpoints",
        "Over HTTP as Gradio serves them, or with its client. `model` empty is the loaded model;"
        " a parameter left out has its default. A wrong value gets an error that names the field,"
        " the value and what is allowed; at `/ja/` it is in Japanese.",
        "```python\nfrom gradio_client import Client\n\n"
        'lab = Client("http://127.0.0.1:7860/")\n'
        "for text in lab.submit(\n"
        '    "Tell me a story about a dragon.", do_sample=True, seed=7, api_name="/complete"\n'
        "):\n"
        "    print(text)\n```",
    ]
    for name, endpoint in info["named_endpoints"].items():
        rows = ["| parameter | type | default |", "|---|---|---|"]
        for p in endpoint["parameters"]:
            default = f"`{p['parameter_default']!r}`" if p["parameter_has_default"] else "needed"
            kind = p["python_type"]["type"].replace("None | int", "int or None")
            rows.append(f"| `{p['parameter_name']}` | {kind.replace('|', ' or ')} | {default} |")
        parts += [f"### `{name}`", endpoint["description"], "\n".join(rows)]
    rows = ["| method | path | |", "|---|---|---|"]
    for route in (*create_app(lab).routes, *router(lab).routes):
        if isinstance(route, APIRoute) and route.endpoint.__module__ in OWN:
            method, says = min(route.methods or ()), (route.endpoint.__doc__ or "").strip()
            rows.append(f"| {method} | `{route.path}` | {says} |")
    parts += ["## Routes", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def settings_table(words: Words) -> str:
    """Return the table of LAB_* variables in one language."""
    head = [
        words("docs.variable"),
        words("docs.default"),
        words("docs.allowed"),
        words("docs.says"),
    ]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for f in fields(Settings):
        default = "" if isinstance(f.default, NoneType | tuple) else f.default
        default = int(default) if isinstance(default, bool) else default
        shown = f"`{default}`" if default != "" else "–"
        allowed, says = words.of("allowed", f.metadata["allowed"]), f.metadata["says"]
        rows.append(
            f"| `LAB_{f.name.upper()}` | {shown} | {allowed} | {words.of('settings_say', says)} |"
        )
    return "\n".join(rows) + "\n"


def remote_table() -> str:
    """Return the table of what each kind of engine can do, and what is disabled without."""
    kinds = {
        kind: Server(host="", silent_s=0.0, extra=EXTRA.get(kind, frozenset()))
        for kind in ("lab", "vllm", "")
    }
    rows = [
        "| what | this process | another lab | vLLM | any other | without it |",
        "|---|---|---|---|---|---|",
    ]

    def line(name: str, here: bool, there: list[str], without: str) -> str:
        return f"| `{name}` | {'yes' if here else 'no'} | {' | '.join(there)} | {without} |"

    for name in get_args(Capability):
        there = []
        for server in kinds.values():
            seen = RECORDS not in server.extra and name in ("logprobs", "alternatives")
            has = name in capabilities_of(server)
            there.append("if it gives them" if has and seen else "yes" if has else "no")
        rows.append(line(name, name in LocalEngine.capabilities, there, without(name)))
    for name in (RECORDS, *sorted(FILTERS)):
        there = ["yes" if name in server.extra else "no" for server in kinds.values()]
        rows.append(line(name, True, there, without(name)))
    return "\n".join(rows) + "\n"


def without(name: str) -> str:
    """Say what a page on an engine that lacks something does not have."""
    if name in FILTERS:
        shown = "the field is disabled; " if name in FILTER_IDS else ""
        return f"{shown}a request with it is refused"
    if name in NEEDS:
        by_tab = Counter(elem_id.partition("-")[0] for elem_id in NEEDS[name])
        return "disabled: " + ", ".join(f"{n} in {tab}" for tab, n in by_tab.items())
    return {
        "seed": "another text each time",
        "logprobs": "tokens without a tint, their probabilities read `?`",
        "alternatives": "nothing beside the token that was chosen",
        "adapter": "no lab has it yet",
        RECORDS: "no ids, no probability after the filters, not what each filter removed",
    }[name]


def tracked() -> list[str]:
    """Return the files that git knows, sorted."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(listed.stdout.splitlines())


@cache
def tree() -> str:
    """Return the repository's files, a line each: the first of their docstring."""
    lines, told = [], set[str]()
    for name in tracked():
        folder = str(Path(name).parent)
        covered = next((f for f in FOLDERS if name.startswith(f + "/")), None)
        shown = covered + "/" if covered else name
        if shown in told or not (covered or name.endswith(".py")):
            continue
        told.add(shown)
        if covered:
            says = FOLDERS[covered]
        else:
            says = (ast.get_docstring(ast.parse((ROOT / name).read_text("utf-8"))) or "").split(
                "\n"
            )[0]
            shown = folder + "/" if name.endswith("__init__.py") else name
        lines.append(f"{shown:<30} {says}".rstrip())
    return "```\n" + "\n".join(lines) + "\n```\n"


def between(text: str, mark: str, made: str) -> str:
    """Replace what stands between `<!-- mark -->` and `<!-- end -->`."""
    pattern = rf"(?<=<!-- {mark} -->\n).*?(?=<!-- end -->)"
    return re.sub(pattern, lambda _: made, text, count=1, flags=re.S)


def readme(lang: Lang, text: str) -> str:
    """Return a README with its current settings table and, in English, the files."""
    return between(between(text, "settings", settings_table(words(lang))), "files", tree())


def pages() -> dict[Path, str]:
    """Return every file that is made here, by its path in the repository."""
    made = {API: api_page()}
    made[REMOTE] = between((ROOT / REMOTE).read_text("utf-8"), "capabilities", remote_table())
    for lang in LANGS:
        made[READMES[lang]] = readme(lang, (ROOT / READMES[lang]).read_text("utf-8"))
    return made


if __name__ == "__main__":
    for path, text in pages().items():
        (ROOT / path).write_text(text, "utf-8")
