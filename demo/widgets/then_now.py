"""The course's spelling and today's: shown folded under any code in which today's occurs."""

import re
from dataclasses import dataclass
from html import escape

from demo.words import Words


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """What the course wrote, what is written now, and a pattern of the latter in code."""

    then: str
    now: str
    pattern: str


THEN_NOW = (
    Spelling(then="torch_dtype=torch.float16", now='dtype="float16"', pattern=r"\bdtype="),
    Spelling(then="huggingface-cli login", now="hf auth login", pattern=r"\bhf auth\b"),
    Spelling(then="max_length=100", now="max_new_tokens=100", pattern=r"\bmax_new_tokens\b"),
    Spelling(then="num_beam=5", now="num_beams=5", pattern=r"\bnum_beams\b"),
    Spelling(
        then="temperature=10",
        now="temperature=10.0",
        pattern=r"""\btemperature["']?\s*[=:]\s*\d+\.\d""",
    ),
    Spelling(
        then="pipe(tokenizer.apply_chat_template(messages, tokenize=False))",
        now="pipe(messages)",
        pattern=r"\bpipe\(\s*messages\b",
    ),
    Spelling(
        then="uv pip install duckduckgo-search", now="uv pip install ddgs", pattern=r"\bddgs\b"
    ),
)

HEADS = ("then", "now")


def found_in(code: str) -> list[Spelling]:
    """Return the spellings of today that occur in a piece of code."""
    return [row for row in THEN_NOW if re.search(row.pattern, code, re.I)]


def then_now_html(code: str, words: Words) -> str:
    """Draw the rows that concern this code, folded; nothing where there are none."""
    rows = "".join(
        f'<tr><td class="then">{escape(row.then)}</td><td>{escape(row.now)}</td></tr>'
        for row in found_in(code)
    )
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(words(f"then_now.{key}"))}</th>' for key in HEADS)
    title = escape(words("then_now.title"))
    return (
        f'<details class="then-now"><summary>{title}</summary>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="grid"><tr>{heads}</tr>{rows}</table></div></details>'
    )
