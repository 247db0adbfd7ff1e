"""The course's six (top_p, temperature) settings on its raw prompt: how alike are the stories?"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sacrebleu
import torch
from transformers import set_seed

from pocket.answers import Model

DRAGON = "Tell me a story about a dragon."
COURSE_PAIRS = ((0.9, 0.8), (0.1, 0.8), (0.5, 0.8), (0.5, 0.1), (0.5, 1.5), (1.0, 10.0))


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """One of the course's settings: mean Self-BLEU against all others, mean log-probability."""

    top_p: float
    temperature: float
    self_bleu: float
    mean_logprob: float


@torch.inference_mode()
def diversity(
    folder: Path, *, seeds: int, settings: Sequence[tuple[float, float]] = COURSE_PAIRS
) -> list[Diversity]:
    """Three stories a seed from the raw prompt, the prompt removed, for each setting."""
    model = Model.load(folder)
    inputs = model.tokenizer(DRAGON, return_tensors="pt")
    width, rows = inputs["input_ids"].shape[1], []
    for top_p, temperature in settings:
        scores, logprobs = [], []
        for seed in range(seeds):
            set_seed(seed)
            out = model.model.generate(
                **inputs,
                do_sample=True,
                top_p=top_p,
                top_k=0,
                temperature=temperature,
                num_return_sequences=3,
                max_new_tokens=90,
                pad_token_id=0,
            )
            texts = model.tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
            for i, text in enumerate(texts):
                others = texts[:i] + texts[i + 1 :]
                scores.append(sacrebleu.sentence_bleu(text.strip(), others).score)
            new = out[:, width:]
            raw = model.model(out).logits[:, width - 1 : -1].log_softmax(-1)
            chosen = raw.gather(2, new[..., None])[..., 0]
            logprobs.append(float(chosen[new != 0].mean()))
        rows.append(
            Diversity(
                top_p=top_p,
                temperature=temperature,
                self_bleu=statistics.mean(scores),
                mean_logprob=statistics.mean(logprobs),
            )
        )
    return rows


def picture_holds(rows: list[Diversity]) -> bool:
    """The course's picture: (.1, .8) highest, falling with temperature, broken text at 10."""
    by = {(row.top_p, row.temperature): row for row in rows}
    highest = max(rows, key=lambda row: row.self_bleu) is by[0.1, 0.8]
    falling = by[0.5, 0.1].self_bleu > by[0.5, 0.8].self_bleu > by[0.5, 1.5].self_bleu
    wider = by[0.5, 0.8].self_bleu > by[0.9, 0.8].self_bleu > by[1.0, 10.0].self_bleu
    broken = by[1.0, 10.0].mean_logprob < by[0.9, 0.8].mean_logprob - 3
    return highest and falling and wider and broken
