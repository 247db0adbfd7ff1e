"""CTranslate2 on the pocket model against transformers' generate: speed, bytes, the same tokens.

    pip install '.[ctranslate2]'; python -m benchmarks.ct2    # writes benchmarks/results/ct2.json

One thread, greedy, one prompt at a time; the arms take turns, and ratios are within one turn.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import ctranslate2
import torch
from ctranslate2.converters import TransformersConverter
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.catalog import MODELS
from benchmarks.report import machine, write

PROMPTS = (
    "Tell me a story about a dragon.",
    "Tell me a story about a cat.",
    "Once upon a time",
    "Hello.",
)
QUANTIZATIONS = ("float32", "int8")
MAX_NEW_TOKENS, TURNS = 100, 5
Arm = Callable[[list[int]], list[int]]


def arms(source: str, folder: Path) -> dict[str, Arm]:
    """Return what continues ids greedily, by name; the end token is left out."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype="float32").eval()

    def generate(ids: list[int]) -> list[int]:
        row = torch.tensor([ids])
        out = model.generate(
            row,
            attention_mask=torch.ones_like(row),
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
        )
        return [i for i in out[0, len(ids) :].tolist() if i != tokenizer.eos_token_id]

    def of(quantization: str) -> Arm:
        place = folder / quantization
        TransformersConverter(source).convert(str(place), quantization=quantization)
        generator = ctranslate2.Generator(str(place), compute_type=quantization, intra_threads=1)

        def continued(ids: list[int]) -> list[int]:
            [result] = generator.generate_batch(
                [tokenizer.convert_ids_to_tokens(ids)],
                max_length=MAX_NEW_TOKENS,
                sampling_topk=1,
                include_prompt_in_result=False,
            )
            return [i for i in result.sequences_ids[0] if i != tokenizer.eos_token_id]

        return continued

    return {"transformers": generate, **{name: of(name) for name in QUANTIZATIONS}}


def main() -> None:
    """Measure, print and write the results."""
    torch.set_num_threads(1)
    where, source = machine(), MODELS["pocket-chat"].source
    with tempfile.TemporaryDirectory() as folder:
        runs = arms(source, Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(source)
        prompts = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
        texts = {name: [run(ids) for ids in prompts] for name, run in runs.items()}  # also warms
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(TURNS):
            for ids in prompts:
                for name, run in runs.items():
                    began = time.perf_counter()
                    rates[name].append(len(run(ids)) / (time.perf_counter() - began))
        sizes = {q: (Path(folder) / q / "model.bin").stat().st_size for q in QUANTIZATIONS}
    figures: dict[str, object] = {
        "claim": "CTranslate2 / transformers generate fp32, tokens per second, one thread, greedy",
        "transformers_tokens_s_median": round(statistics.median(rates["transformers"])),
    }
    for name in QUANTIZATIONS:
        ratios = [mine / theirs for mine, theirs in zip(rates[name], rates["transformers"])]
        pairs = list(zip(texts[name], texts["transformers"]))
        same = sum(
            next((n for n, (a, b) in enumerate(zip(*pair)) if a != b), min(map(len, pair)))
            for pair in pairs
        )
        figures |= {
            f"{name}_ratio_median": round(statistics.median(ratios), 1),
            f"{name}_ratio_min": round(min(ratios), 1),
            f"{name}_ratio_max": round(max(ratios), 1),
            f"{name}_same_texts": sum(a == b for a, b in pairs),
            f"{name}_same_tokens": same,
            f"{name}_bytes": sizes[name],
        }
    figures |= {
        "prompts": len(PROMPTS),
        "tokens": sum(map(len, texts["transformers"])),
        "turns": TURNS,
        "ctranslate2": version("ctranslate2"),
    }
    write("ct2", figures | where)


if __name__ == "__main__":
    main()
