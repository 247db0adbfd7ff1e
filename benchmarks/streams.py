"""32 concurrent seeded streams with token records against serial `generate` on the same weights.

    python -m benchmarks.streams            # writes benchmarks/results/streams.json and .md

One thread, arms interleaved, ratios within each pair; every text is compared with generate's.
"Inconclusive" when the baseline's own repeats differ by more than 25 %.
"""

import statistics
import threading
import time
from collections.abc import Callable

import torch
from transformers import GenerationConfig, set_seed

from backend.lab import Lab
from backend.settings import Settings
from backend.types import SamplingParams
from benchmarks.report import machine, write

PROMPT = "Tell me a story about a dragon."
STREAMS, PAIRS, NEW_TOKENS = 32, 5, 100
SETTINGS = {"temperature": 0.8, "top_p": 0.9}


def timed(do: Callable[[], object]) -> float:
    """Return the seconds that `do` takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def measure(lab: Lab) -> dict[str, object]:
    """Run the interleaved pairs; return figures and how many texts were right."""
    loaded = lab.engine.model()
    model, tokenizer = loaded.model, loaded.tokenizer
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2)
    inputs = tokenizer(PROMPT, return_tensors="pt")
    width = inputs["input_ids"].shape[1]
    want: dict[int, list[int]] = {}
    got: dict[int, list[int]] = {}

    def serial() -> None:
        for seed in range(STREAMS):
            set_seed(seed)
            out = model.generate(
                **inputs, do_sample=True, top_k=0, max_new_tokens=NEW_TOKENS, **SETTINGS
            )
            want[seed] = out[0, width:].tolist()

    def one(seed: int) -> None:
        params = SamplingParams(do_sample=True, max_new_tokens=NEW_TOKENS, seed=seed, **SETTINGS)
        [generation] = lab.generate(PROMPT, params)
        got[seed] = [step.token_id for step in generation.steps]

    def together() -> None:
        threads = [threading.Thread(target=one, args=(seed,)) for seed in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    serial(), together()  # warm
    pairs = [(timed(serial), timed(together)) for _ in range(PAIRS)]
    ratios = [a / b for a, b in pairs]
    alone = [a for a, _ in pairs]
    spread = (max(alone) - min(alone)) / min(alone)
    return {
        "claim": f"{STREAMS} seeded streams with records / serial generate",
        "ratio_median": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
        "pairs": PAIRS,
        "texts_right": sum(got[seed] == want[seed] for seed in want),
        "texts": STREAMS,
        "tokens": sum(map(len, want.values())),
        "baseline_spread": round(spread, 3),
        "inconclusive": spread > 0.25,
    }


def main() -> None:
    """Measure, print and write the results."""
    torch.set_num_threads(1)
    where, lab = machine(), Lab(Settings(threads=1))
    try:
        write("streams", measure(lab) | {"threads": torch.get_num_threads()} | where)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
