"""The lean forward of the Llama family against transformers' own, on the same weights and tokens.

    python -m benchmarks.lean          # writes benchmarks/results/lean.json and .md

One stream: a greedy loop over the lean forward and a slot KV cache against `generate`. 32 rows: one
decode step of both forwards through the same slot KV cache. Times are of this thread's processor,
so that what else runs on the machine does not count.
"""

import time
from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from backend.kv_cache import DecodeWindow, PromptWindow, SlotCache
from backend.llama import LeanLlama
from benchmarks.arms import PAIRS, folders, options, plain, ratios, rounds
from benchmarks.report import Row, machine, row, write

PROMPT, TOKENS = 32, 128  # of one stream
ROWS, STEPS = 32, 8


def timed(run: Callable[[], object]) -> float:
    """Return the processor seconds that a call took."""
    began = time.thread_time()
    run()
    return time.thread_time() - began


class Streams:
    """Both forwards of one model."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        assert model.generation_config
        # as many tokens in both arms: the end token would stop generate alone
        model.generation_config.eos_token_id = None
        lean = LeanLlama.of(model)
        assert lean
        self.lean = lean
        self.full = self.slots(ROWS, 256)
        self.prompt = torch.arange(PROMPT)[None] * 37 % model.config.vocab_size

    @torch.inference_mode()
    def generate(self, tokens: int) -> list[int]:
        """Greedy, by transformers."""
        found = self.model.generate(  # type: ignore[operator]  # its stub takes it for a Tensor
            self.prompt,
            attention_mask=torch.ones_like(self.prompt),
            max_new_tokens=tokens,
            do_sample=False,
        )
        return found[0, PROMPT:].tolist()

    @torch.inference_mode()
    def loop(self, tokens: int) -> list[int]:
        """Greedy, by the lean forward."""
        slots = self.slots(1, PROMPT + tokens)
        mask = torch.ones(1, 1, PROMPT, PROMPT, dtype=torch.bool).tril()
        prompt = (slice(0, 1), PromptWindow(slots, 0, 0, PROMPT), mask)
        logits = self.lean(self.prompt, torch.arange(PROMPT)[None], [prompt])
        made = [int(logits.argmax())]
        for position in range(PROMPT, PROMPT + tokens - 1):
            at = torch.tensor([position])
            part = (slice(0, 1), DecodeWindow(slots, at, position, 0), None)
            made.append(int(self.lean(torch.tensor([made[-1:]]), at[:, None], [part]).argmax()))
        return made

    @torch.inference_mode()
    def step(self, steps: int, *, lean: bool) -> None:
        """Decode a token in each of 32 rows, of lengths from 64 to 126."""
        lengths = torch.arange(64, 64 + 2 * ROWS, 2)
        longest = int(lengths.max())
        mask = (torch.arange(longest + 1) <= lengths[:, None])[:, None, None]
        ids, slots = torch.full((ROWS, 1), 5), self.full
        for _ in range(steps):
            window = DecodeWindow(slots, lengths, longest, 0)
            if lean:
                self.lean(ids, lengths[:, None], [(slice(0, ROWS), window, mask)])
            else:
                self.model(
                    input_ids=ids,
                    position_ids=lengths[:, None],
                    attention_mask=mask,
                    past_key_values=window,
                    use_cache=True,
                ).logits[:, -1].float()

    def slots(self, rows: int, positions: int) -> SlotCache:
        """Return an empty cache."""
        config, device = self.model.config, torch.device("cpu")
        slots = SlotCache(config, positions, dtype=torch.float32, device=device)
        slots.resize(rows, 0)
        return slots


def measure(name: str, folder: str, *, pairs: int, quick: bool) -> tuple[list[Row], bool]:
    """Return the claims on one model, and whether both made the same greedy text."""
    streams, tokens, steps = Streams(plain(folder)), 8 if quick else TOKENS, 1 if quick else STEPS
    found = rounds(
        {
            "generate": lambda: timed(lambda: streams.generate(tokens)),
            "loop": lambda: timed(lambda: streams.loop(tokens)),
            "transformers": lambda: timed(lambda: streams.step(steps, lean=False)),
            "lean": lambda: timed(lambda: streams.step(steps, lean=True)),
        },
        pairs,
    )
    claims = [
        row(
            f"{name}: one stream of {tokens} tokens, lean loop / generate",
            ratios(found["generate"], found["loop"]),
            baseline=found["generate"],
            at_least=1.5 if name == "pocket" else None,
        ),
        row(
            f"{name}: a step of {ROWS} rows, lean / transformers' forward",
            ratios(found["transformers"], found["lean"]),
            baseline=found["transformers"],
        ),
    ]
    return claims, streams.generate(tokens) == streams.loop(tokens)


def main() -> None:
    """Measure both models."""
    quick = options().quick
    pairs = 2 if quick else PAIRS
    figures, claims = machine(), list[Row]()
    torch.set_num_threads(1)
    with folders() as paths:
        for name, folder in paths.items():
            found, same = measure(name, folder, pairs=pairs, quick=quick)
            claims += found
            figures[f"{name}: same greedy text"] = same
    write("lean", figures, claims, keep=not quick)


if __name__ == "__main__":
    main()
