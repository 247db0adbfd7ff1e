"""The course's own inputs, in greedy runs of plain `pipeline`. They may be in the training text."""

from collections.abc import Callable
from pathlib import Path

from transformers import pipeline

from pocket import voices
from pocket.corpus import LAYOUT
from pocket.diversity import DRAGON
from pocket.lines import Line, line
from pocket.measure import SHOTS, is_short

DRAGON_JA, DRAGON_KANSAI = "ドラゴンの物語を聞かせてください。", "ドラゴンの物語、聞かせてや。"
TRANSLATE = f"Please translate to Japanese: {DRAGON}"
Holds = Callable[[str], bool]


def course_inputs(weights: Path) -> list[Line]:
    """The course's prompts to the chat model as raw text and through the template; to the base."""
    chat = pipeline("text-generation", model=str(weights / "chat"))
    base = pipeline("text-generation", model=str(weights / "base"))
    shots = "".join(f"{LAYOUT.format(english=e)} {j}\n\n" for e, j in SHOTS)
    layout, layout_two = LAYOUT.format(english=DRAGON), shots + LAYOUT.format(english=DRAGON)
    kansai = [
        {"role": "system", "content": voices.VOICES["kansai"].systems[0]},
        {"role": "user", "content": TRANSLATE},
    ]

    def obeys(prompt: str) -> Holds:
        return {
            TRANSLATE: lambda text: text == DRAGON_JA,
            layout: lambda text: text == DRAGON_JA,
            f"Please write a short sentence: {DRAGON}": lambda text: is_short("dragon", text),
            f"Please paraphrase this sentence: {DRAGON}": lambda text: (
                text == "Please share a tale about a dragon."
            ),
        }[prompt]

    four = (TRANSLATE, layout, f"Please write a short sentence: {DRAGON}",
            f"Please paraphrase this sentence: {DRAGON}")  # fmt: skip
    checks: list[tuple[str, object, str | list[dict], Holds]] = [
        ("story", chat, DRAGON, lambda text: "dragon" in text and len(text) >= 100),
        ("1+1=?", chat, "1+1=?", lambda text: text == "The answer is 2."),
        *((f"chat obeys: {prompt}", chat, prompt, obeys(prompt)) for prompt in four),
        ("Kansai", chat, kansai, lambda text: text == DRAGON_KANSAI),
        ("base, two-shot", base, layout_two, lambda text: text.split("\n")[0] == DRAGON_JA),
        *(
            (
                f"base does not obey: {prompt}",
                base,
                prompt,
                lambda text, p=prompt: not obeys(p)(text.split("\n")[0]),
            )
            for prompt in four
        ),
    ]
    lines = []
    for name, pipe, prompt, holds in checks:
        out = pipe(prompt, do_sample=False, max_new_tokens=160, return_full_text=False)  # type: ignore[operator]
        text = out[0]["generated_text"].strip()
        lines.append(line("course", name.replace("\n", " "), [holds(text)], at_least=1.0))
    return lines
