"""A quick look at a model in training: a few held-out items of three skills."""

import random

from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from pocket import sums
from pocket.answers import Model
from pocket.corpus import LAYOUT
from pocket.facts import facts, passage, with_context
from pocket.sentences import HELD_OUT

N = 32


def probe(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, *, chat: bool
) -> dict[str, float]:
    """Return the shares right: translation, a question on a passage, a worked sum."""
    r, asked = random.Random(5), Model(model, tokenizer)
    pairs = r.sample(HELD_OUT, N)
    told = [facts(r, 3, held=True) for _ in range(N)]
    problems = [sums.total(r, held=True) for _ in range(N)]
    wanted = [r.choice(of_one) for of_one in told]
    passages = [passage(r, of_one, ja=False) for of_one in told]
    if chat:
        translated = asked.ask(
            (f"Please translate to Japanese: {p.english}" for p in pairs), tokens=32
        )
        answered = asked.ask(
            (with_context([p], f.question, ja=False) for p, f in zip(passages, wanted)), tokens=32
        )
        worked = asked.ask((f"{p.question} {sums.WORKED}" for p in problems), tokens=64)
    else:
        shots = "\n\n".join(
            f"{LAYOUT.format(english=p.english)} {p.japanese}" for p in HELD_OUT[:2]
        )
        translated = asked.go_on(
            (f"{shots}\n\n{LAYOUT.format(english=p.english)}" for p in pairs), tokens=32
        )
        answered = asked.go_on((f"{p}\n{f.question}" for p, f in zip(passages, wanted)), tokens=32)
        worked = asked.go_on((p.question for p in problems), tokens=64)
    right = {
        "translation": sum(t.startswith(p.japanese) for t, p in zip(translated, pairs)),
        "context": sum(t.startswith(f.sentence) for t, f in zip(answered, wanted)),
        "worked": sum(f"answer is {p.result}." in t for t, p in zip(worked, problems)),
    }
    return {name: round(count / N, 2) for name, count in right.items()}
