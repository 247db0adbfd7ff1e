"""Instruction templates: the fixed text is written once, contents fill the slot."""

from string import Formatter

from transformers import pipeline

MODELS = ["pocket/weights/base", "pocket/weights/chat"]
TEMPLATES = [
    "Please translate to Japanese: {content}",
    "Please translate to Japanese: \nEnglish: {content}\nJapanese:",
    "Please write a short sentence: {content}",
    "Please paraphrase this sentence: {content}",
]
CONTENTS = ["Tell me a story about a dragon."]
OTHERS = {}
MAX_NEW_TOKENS = 40

# an f-string is filled where it stands; a template kept for later is filled by format()
for template in TEMPLATES:
    print([name for _, name, _, _ in Formatter().parse(template) if name], repr(template))

for model in MODELS:
    pipe = pipeline("text-generation", model=model, dtype="float32")
    for n, template in enumerate(TEMPLATES):
        # further slots belong to the first template alone
        prompts = [template.format(content=c, **(OTHERS if n == 0 else {})) for c in CONTENTS]
        for prompt, [output] in zip(
            prompts,
            pipe(prompts, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, return_full_text=False),
        ):
            print(f"{model}: {prompt!r} -> {output['generated_text'].strip()!r}")

for wrong in ("{content} {more}", "a brace { alone"):
    try:
        wrong.format(content="x")
    except (KeyError, ValueError) as error:
        print(repr(wrong), "->", type(error).__name__, error)
