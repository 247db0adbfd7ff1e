"""What each precision costs: KL divergence to fp32, and answers that stay the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from pocket.answers import Model
from pocket.measure import held_out_pairs

FOUR_BIT: dict[str, Any] = {"load_in_4bit": True, "bnb_4bit_compute_dtype": torch.bfloat16}
LOADS: dict[str, dict[str, Any]] = {
    "fp16": {"dtype": torch.float16},
    "bf16": {"dtype": torch.bfloat16},
    "int8": {"dtype": torch.float16, "quantization_config": {"load_in_8bit": True}},
    "nf4": {"dtype": torch.bfloat16,
            "quantization_config": FOUR_BIT | {"bnb_4bit_quant_type": "nf4"}},
    "fp4": {"dtype": torch.bfloat16,
            "quantization_config": FOUR_BIT | {"bnb_4bit_quant_type": "fp4"}},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Mean KL(fp32 || precision) per position in nats, and answers equal to fp32's."""

    precision: str
    kl: float
    same: int
    total: int


@torch.inference_mode()
def damage(folder: Path, *, n: int) -> list[Damage]:
    """Compare every precision with fp32 on the same requests and on fp32's own answers."""
    exact = Model.load(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    requests = [f"Please translate to Japanese: {p.english}" for p in held_out_pairs(n)]
    answers = exact.ask(requests, tokens=40)
    texts = []
    for request, answer in zip(requests, answers):
        messages = [{"role": "user", "content": request}]
        texts.append(f"{tokenizer.apply_chat_template(messages, tokenize=False)} {answer}")
    every = [tokenizer(t, add_special_tokens=False, return_tensors="pt") for t in texts]
    truth = [exact.model(**ids).logits.float().log_softmax(-1) for ids in every]
    rows = []
    for name, options in LOADS.items():
        wanted = dict(options)
        if "quantization_config" in wanted:
            wanted["quantization_config"] = BitsAndBytesConfig(**wanted["quantization_config"])
            wanted["device_map"] = "cuda" if torch.cuda.is_available() else "cpu"
        model = AutoModelForCausalLM.from_pretrained(folder, **wanted).eval()
        total = count = 0.0
        for ids, log_p in zip(every, truth):
            log_q = model(**ids.to(model.device)).logits.float().cpu().log_softmax(-1)
            total += float((log_p.exp() * (log_p - log_q)).sum())
            count += log_p.shape[1]
        said = Model(model, tokenizer).ask(requests, tokens=40)
        same = sum(a == b for a, b in zip(answers, said))
        rows.append(Damage(precision=name, kl=total / count, same=same, total=len(answers)))
    return rows


def ordered(rows: list[Damage]) -> bool:
    """The order the course leads one to expect: fp16 < bf16 < int8 < nf4."""
    kl = {row.precision: row.kl for row in rows}
    return kl["fp16"] < kl["bf16"] < kl["int8"] < kl["nf4"]
