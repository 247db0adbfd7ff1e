"""What a generated text may be: one of some texts, a regular expression, JSON of a schema.

Each becomes a regular expression; backend.automaton builds what the engine follows. What is
matched is the whole generated text, before which one blank may stand (the tokenizer writes the
blank before a word into the word's token). Importing this imports no torch.
"""

import json
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.errors import LabError
from backend.types import Constraint

MOST_CHARACTERS = 20_000  # of a pattern, also of the one a schema becomes
MOST_CHOICES = 200
BUILD_CPU_S = 5  # of the processor
BUILD_S = 60.0  # in all, where the machine is busy
BUILD_BYTES = 2 * 2**30
WORKER = Path(__file__).with_name("token_index.py")
SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~")
_building = threading.Semaphore(2)


def choice(texts: Sequence[str]) -> Constraint:
    """One of the given texts. Raises LabError."""
    wanted = list(dict.fromkeys(text for text in texts if text))
    if not 0 < len(wanted) <= MOST_CHOICES:
        raise LabError(
            "constraint_choices",
            f"a choice is between 1 and {MOST_CHOICES} texts that are not empty",
            field="constraint",
            value=len(wanted),
            allowed=f"1 to {MOST_CHOICES}",
        )
    return checked("choice", "|".join(map(escaped, wanted)))


def regex(pattern: str) -> Constraint:
    """A text that a regular expression (Rust's syntax) matches as a whole. Raises LabError."""
    try:
        re.compile(pattern if isinstance(pattern, str) else "")
    except (re.error, OverflowError, RecursionError) as error:
        if "parenthes" in str(error):  # it would close the group that it is put into
            raise wrong("constraint_regex", str(error)) from None
    if isinstance(pattern, str):  # the whole text is meant in any case
        pattern = pattern.removeprefix("^")
        pattern = pattern if pattern.endswith("\\$") else pattern.removesuffix("$")
    return checked("regex", pattern)


def json_schema(schema: str | Mapping[str, object]) -> Constraint:
    """JSON of the shape that a schema describes; blocks. Raises LabError."""
    try:
        parsed = json.loads(schema) if isinstance(schema, str) else dict(schema)
        if not isinstance(parsed, dict):
            raise ValueError("a schema is an object")
        if told := not_json(parsed):
            raise ValueError(told)
        text = json.dumps(parsed, ensure_ascii=False)
        if len(text) > MOST_CHARACTERS:
            raise too_large()
    except LabError:
        raise
    except (ValueError, RecursionError, TypeError) as error:
        raise wrong("constraint_schema", str(error)) from None
    made = worked("pattern", text, MOST_CHARACTERS)
    if isinstance(made, str):
        raise wrong("constraint_schema", made)
    [pattern] = made
    return checked("json", pattern)


def not_json(schema: object) -> str:
    """Return what of a schema outlines_core would turn into a text that is no JSON, or nothing."""
    if isinstance(schema, list):
        return next(filter(None, map(not_json, schema)), "")
    if not isinstance(schema, dict):
        return ""
    names, every = schema.get("properties"), schema.get("allOf")
    if isinstance(every, list) and len(every) > 1:
        return "allOf of more than one schema"
    for name in names if isinstance(names, dict) else ():
        if json.dumps(name, ensure_ascii=False) != f'"{name}"':
            return f"a quote, backslash or line end in the name {name!r}"
    return not_json(list(schema.values()))


def worked(task: str, *arguments: object) -> str | tuple:
    """Return what a function of backend.token_index gives, or what was wrong; blocks.

    In a process that can be ended. Raises LabError where it takes too long or too much memory.
    """
    order = pickle.dumps((task, arguments, BUILD_BYTES, BUILD_CPU_S))
    try:
        with _building:
            done = subprocess.run(
                [sys.executable, "-P", str(WORKER)],
                input=order,
                capture_output=True,
                timeout=BUILD_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise too_large() from None
    if done.returncode:
        raise too_large()
    made: str | tuple = pickle.loads(done.stdout)
    return made


def checked(kind: str, pattern: str) -> Constraint:
    """Refuse what is empty or absurdly long; what is wrong inside comes out when it is built."""
    if not isinstance(pattern, str) or not pattern:
        raise wrong("constraint_regex", "it is empty")
    if len(pattern) > MOST_CHARACTERS:
        raise too_large()
    return Constraint(kind=kind, pattern=pattern)  # type: ignore[arg-type]


def escaped(text: str) -> str:
    """Write a text as a regular expression that matches it alone."""
    return "".join(f"\\{c}" if c in SPECIAL else c for c in text)


def wrong(code: str, reason: str) -> LabError:
    """What is not a pattern or schema."""
    short = re.sub(r"\s+", " ", reason)[:200]
    return LabError(
        code, f"the constraint cannot be read: {short}", field="constraint", reason=short
    )


def too_large() -> LabError:
    """What would take too long or too much memory."""
    return LabError(
        "constraint_too_large",
        "the constraint is too large",
        "Use fewer or shorter repetitions",
        field="constraint",
    )
