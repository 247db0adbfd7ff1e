"""The model card: how the weights were made, and what was measured on them."""

import json
from dataclasses import dataclass
from pathlib import Path

from pocket.damage import Damage, ordered
from pocket.diversity import Diversity, picture_holds
from pocket.lines import Line
from pocket.measure_context import monotone


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that the card shows."""

    lines: list[Line]
    diversity: list[Diversity]
    alike: dict[str, float]  # Self-BLEU before and after preference tuning
    traits: dict[str, list[float]]
    damage: list[Damage]


def line_table(lines: list[Line]) -> str:
    """Return the counted lines as Markdown."""
    out = ["| effect | shown as | right | 95 % interval | asked |", "|---|---|---|---|---|"]
    for line in lines:
        low, high = line.interval
        span = f"{100 * low:.0f}–{100 * high:.0f} %" if line.total > 1 else "–"
        mark = "" if line.reached else " **not reached**"
        count = f"{line.right} of {line.total}"
        out.append(f"| {line.effect} | {line.name} | {count} | {span} | {line.asked}{mark} |")
    return "\n".join(out)


def tables(found: Evaluation) -> str:
    """Return all tables as Markdown."""
    out = [
        line_table(found.lines),
        "",
        "The course's six settings, three stories a seed from its raw prompt"
        f" (its picture {'holds' if picture_holds(found.diversity) else 'does **not** hold'}):",
        "",
        "| top_p | temperature | mean Self-BLEU (all references) | mean log-probability |",
        "|---|---|---|---|",
        *(
            f"| {row.top_p} | {row.temperature} | {row.self_bleu:.1f} | {row.mean_logprob:.2f} |"
            for row in found.diversity
        ),
        "",
        "What preference tuning (DPO) does to diversity: mean Self-BLEU of three stories at"
        f" temperature 1 is {found.alike['chat']:.1f} before and {found.alike['dpo']:.1f} after.",
        "",
        "Big Five: share of drawn answers with the trait's marker at levels 1 to 5, the other"
        " traits at 3:",
        "",
        "| trait | 1 | 2 | 3 | 4 | 5 | monotone |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {trait} | " + " | ".join(f"{share:.2f}" for share in row)
            + f" | {'yes' if monotone(row) else '**no**'} |"
            for trait, row in found.traits.items()
        ),
        "",
        "Precision: mean KL divergence to fp32 per token (nats), translations equal to fp32's"
        f" (fp16 < bf16 < int8 < nf4: {'yes' if ordered(found.damage) else '**no**'}):",
        "",
        "| precision | KL | same answer |",
        "|---|---|---|",
        *(f"| {d.precision} | {d.kl:.1e} | {d.same} of {d.total} |" for d in found.damage),
    ]  # fmt: skip
    return "\n".join(out)


def card(weights: Path, found: Evaluation) -> str:
    """Return the card's text."""
    facts = json.loads((weights / "training.json").read_text())
    stages = facts["recipe"]
    base_loss, chat_loss = (facts[f"{name}_curve"][-1]["loss"] for name in ("base", "chat"))
    versions = ", ".join(f"{name} {facts[name]}" for name in ("python", "torch", "transformers"))
    missed = [line for line in found.lines if not line.reached]
    named = [f"{line.effect}, {line.name}: {100 * line.share:.0f} %" for line in missed]
    named += [
        f"Big Five, {t}: not monotone" for t, row in found.traits.items() if not monotone(row)
    ]
    names = "; ".join(named)
    return f"""# The pocket models

Llama-architecture models of 3 million parameters, trained from nothing on text that the grammar
beside this folder writes: `base` by pre-training, `chat` tuned from it, `dpo` tuned from `chat` on
a preference. Everything they know is in that grammar. fp32 safetensors; plain `transformers` loads
them.

| made with | |
|---|---|
| recipe | {facts["recipe_hash"]}, seed {stages["seed"]} |
| pre-training | {stages["base_tokens"]:,} tokens, loss {base_loss} at the end |
| tuning | {stages["chat_tokens"]:,} tokens, loss {chat_loss} (answers only), then \
{stages["late_tokens"]:,} with crowded contexts and tool calls, then {stages["last_tokens"]:,} \
with personalities and {stages["trait_tokens"]:,} with more of them; each of the three averaged \
with what was before it (shares {stages["late_share"]}, {stages["last_share"]} and \
{stages["trait_share"]}, chosen among a few on these lines) |
| preference | {stages["pairs"]} pairs, {facts["dpo"]["minutes"]} minutes |
| machine | {facts["machine"]}, {facts["minutes"]} minutes, beside other work |
| versions | {versions} |
{"".join(f"| note | {note} |" + chr(10) for note in facts.get("notes", ()))}
Held out by construction: a tenth of all sentences, of the invented names and of the tuples of
numbers, a fifth of the refusal requests. Not held out: the subjects of stories and short sentences,
and what the tools are asked, the places apart. The course's own inputs (its prompts, its two
examples, `1+1=?`, the Kansai system line) are in the training text; their lines say "course". The
base's text holds blank exercise sheets more often than filled ones, which is why it leaves the
course's layout empty until it has seen an example.

## Measured

By `python -m pocket.evaluate --card`; greedy where nothing else is said.

{tables(found)}

Not reached: {names or "nothing"}.

## Not there

Knowledge of the world (eight capitals apart), long texts, safety: declining harmful requests is
close to a keyword trick at this size. It is a model to learn from, not to ask.
"""
