"""The lines of the card about preference tuning: what it moved, what it cost, what it kept."""

from pathlib import Path

from transformers import set_seed

from pocket.answers import Model
from pocket.diversity import diversity
from pocket.lines import Line, line
from pocket.measure import held_out_pairs, subjects
from pocket.preference import happy, tell
from pocket.stories import a


def preference(weights: Path, *, n: int) -> list[Line]:
    """Happy ends of drawn stories before and after; a skill that was not tuned."""
    out, pairs = [], held_out_pairs(n)
    asked = [f"Tell me a story about {a(s)}." for s in subjects(n)]
    for name, limits in (("chat", {}), ("dpo", {"at_least": 0.8})):
        model = Model.load(weights / name)
        set_seed(0)
        told = [ids for [ids] in tell(model, asked, each=1)]
        ends = (happy(str(model.tokenizer.decode(t, skip_special_tokens=True))) for t in told)
        out.append(line("preference", f"{name}: drawn stories that end happily", ends, **limits))
    said = model.ask((f"Please translate to Japanese: {p.english}" for p in pairs), tokens=40)
    kept = (t == p.japanese for t, p in zip(said, pairs))
    return [*out, line("preference", "dpo: translation kept", kept, at_least=0.95)]


def alike(weights: Path, *, seeds: int) -> dict[str, float]:
    """Mean Self-BLEU of three stories at temperature 1, before and after."""
    return {
        name: diversity(weights / name, seeds=seeds, settings=((1.0, 1.0),))[0].self_bleu
        for name in ("chat", "dpo")
    }
