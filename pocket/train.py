"""The training loop: plain PyTorch on `LlamaForCausalLM`.

Muon (Jordan et al., 2024) for the matrices, AdamW for the rest, the rate falling to zero over the
second half. `make.py` says what it reads.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from pocket.batches import Labelled, batches
from pocket.probe import probe
from pocket.tokenizer import CONTEXT

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PROBES = 8  # how often in a stage the skills are measured


def config(vocabulary: int) -> LlamaConfig:
    """A Llama of 3 million parameters; every width is a multiple of 64, as 4-bit needs."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )


def train(
    model: LlamaForCausalLM,
    wrapped: PreTrainedTokenizerBase,
    stream: Iterator[Labelled],
    *,
    name: str,
    tokens: int,
    shape: tuple[int, int],
    rate: float,
    save: Path,
    measure: dict[str, object],
) -> None:
    """Read `tokens` tokens in batches of `shape`; go on from `save` where that is there.

    `measure` collects the loss and, `PROBES` times, the skills.
    """
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(matrices, lr=0.02 * rate, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=3e-3 * rate, weight_decay=0.0),
    ]
    peaks = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    size = shape[0] * shape[1]
    steps, first, losses, curve = max(tokens // size, 1), 0, list[float](), list[dict]()
    if save.exists():
        state = torch.load(save, map_location=DEVICE, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        first, losses, curve = state["step"], state["losses"], state["curve"]
    # only now: loading a state replaces an optimizer's groups
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    # compiling costs half a minute and makes a step 1.4 times faster
    compiled = torch.compile(model) if steps > 100 and shutil.which("g++") else model
    began, every = time.perf_counter(), max(steps // PROBES, 1)
    for step, (ids, labels) in enumerate(batches(stream, rows=shape[0], length=shape[1])):
        if step >= steps:
            break
        if step < first:
            continue  # the same seed gives the same batches: skip those already read
        fade = min(1.0, 2 * (1 - step / steps), (step + 1) / 20)  # warm up, hold, fall to zero
        for group, peak in zip(groups, peaks):
            group["lr"] = peak * fade
        model.train()
        with torch.autocast(DEVICE, dtype=torch.bfloat16):  # matrices in bf16, the loss in fp32
            loss = compiled(input_ids=ids.to(DEVICE), labels=labels.to(DEVICE)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if step % every == every - 1 or step == steps - 1:
            recent = losses[-20:]
            row = {"tokens": (step + 1) * size, "loss": round(sum(recent) / len(recent), 3)}
            curve.append(row | probe(model.eval(), wrapped, chat=name != "base"))
            print(f"{name} {curve[-1]}", flush=True)
        if step % 50 == 0:
            speed = (step + 1 - first) * size / (time.perf_counter() - began)
            left = (steps - 1 - step) * size / speed / 60
            print(f"{name} {step}/{steps} loss {losses[-1]:.3f} {speed:,.0f} tokens/s,"
                  f" {left:.1f} min left", flush=True)  # fmt: skip
        if step % 100 == 99:
            held = [optimizer.state_dict() for optimizer in optimizers]
            state = {"model": model.state_dict(), "optimizers": held, "step": step + 1}
            torch.save(state | {"losses": losses, "curve": curve}, save)
    measure[f"{name}_curve"] = curve
