"""32 concurrent seeded streams with token records, against what else runs the same weights.

    python -m benchmarks.streams            # writes benchmarks/results/streams.json and .md

Against serial `generate`, static batched `generate`, transformers' continuous batching, and the
lab's own batch without records; tokens per second, all drawn with the same settings. Every seeded
text is compared with generate's. The same ratios by this process's own time on the processor are a
check: what else runs on the machine does not count there.
"""

import statistics
import threading
import time
from collections.abc import Callable, Sequence

import torch
from transformers import AutoTokenizer, GenerationConfig, set_seed
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from backend.lab import Lab
from backend.types import SamplingParams
from benchmarks.arms import PAIRS, folders, lab_on, options, plain, ratios, rounds
from benchmarks.bare import without_records
from benchmarks.report import Row, machine, row, write

PROMPT = "Tell me a story about a dragon."
STREAMS = 32
NEW_TOKENS = {"pocket": 100, "768": 40}  # so that a round takes seconds
SETTINGS = {"temperature": 0.8, "top_p": 0.9}
END = 2
# against serial generate held and aimed at, then the same against static batched generate
WANTED = {"pocket": (8.0, 12.0, 0.8, 0.9), "768": (4.5, None, 0.8, 0.9)}


def per_second(run: Callable[[], int], processor: list[float] | None = None) -> Callable[[], float]:
    """Return what measures the tokens per second of `run`, which says how many it made.

    `processor` gets the tokens per second of this process's own time on the processor.
    """

    def arm() -> float:
        began, own = time.perf_counter(), time.process_time()
        tokens = run()
        if processor is not None:
            processor.append(tokens / (time.process_time() - own))
        return tokens / (time.perf_counter() - began)

    return arm


def to_end(ids: list[int]) -> list[int]:
    """Return ids up to and with the end token: what follows is padding, and counts for nobody."""
    return ids[: ids.index(END) + 1] if END in ids else ids


class Transformers:
    """transformers' own three ways to continue one prompt 32 times."""

    def __init__(self, folder: str, new_tokens: int) -> None:
        self.ids: list[int] = AutoTokenizer.from_pretrained(folder)(PROMPT)["input_ids"]
        self.new_tokens, self.model = new_tokens, plain(folder)
        self.model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=END)
        self.drawn: dict[int, list[int]] = {}  # by seed
        # of its own, since continuous batching changes a model's attention; SDPA beats "eager"
        # here two to one, and 512 tokens let it read all prompts in one forward
        self.manager = plain(folder).init_continuous_batching(
            GenerationConfig(bos_token_id=1, eos_token_id=END, do_sample=True, top_k=0, **SETTINGS),
            ContinuousBatchingConfig(
                page_size=128,
                num_blocks=2 * STREAMS,
                max_batch_tokens=512,
                max_requests_per_batch=STREAMS,
                allow_block_sharing=False,  # the prompt is shorter than a page
            ),
        )

    def generate(self, rows: int, *, sampling: bool = True) -> list[list[int]]:
        """Continue the prompt so many times as one batch."""
        inputs = torch.tensor([self.ids] * rows)
        settings = {"top_k": 0, **SETTINGS} if sampling else {}
        out = self.model.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            do_sample=sampling,
            max_new_tokens=self.new_tokens,
            pad_token_id=END,
            **settings,
        )
        return [to_end(ids) for ids in out[:, len(self.ids) :].tolist()]

    def serial(self) -> int:
        """One after another, each with its seed."""
        for seed in range(STREAMS):
            set_seed(seed)
            [self.drawn[seed]] = self.generate(1)
        return sum(map(len, self.drawn.values()))

    def one(self) -> int:
        """One, alone."""
        set_seed(0)
        return len(self.generate(1)[0])

    def static(self) -> int:
        """All as one batch, from one seed; it goes on until the last has ended."""
        set_seed(0)
        return sum(map(len, self.generate(STREAMS)))

    def continuous(self) -> int:
        """All through the manager, which has no seed per request."""
        if not self.manager.is_running():
            self.manager.start()  # not before: its thread draws from torch's global generator
        self.manager.add_requests([self.ids] * STREAMS, max_new_tokens=self.new_tokens)
        tokens = ended = 0
        while ended < STREAMS:
            result = self.manager.get_result(timeout=60)
            if result is None or result.error:
                raise RuntimeError(f"continuous batching: {result and result.error}")
            if result.is_finished():
                ended, tokens = ended + 1, tokens + len(result.generated_tokens)
        return tokens


def together(lab: Lab, streams: Sequence[SamplingParams]) -> list[list[int]]:
    """Return what the lab draws for streams that begin at once, each asked for by a thread."""
    drawn: list[list[int]] = [[] for _ in streams]

    def one(i: int, params: SamplingParams) -> None:
        [generation] = lab.generate(PROMPT, params)
        drawn[i] = [step.token_id for step in generation.steps]

    threads = [threading.Thread(target=one, args=each) for each in enumerate(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return drawn


def measure(name: str, folder: str, pairs: int, new_tokens: int) -> tuple[list[Row], Row]:
    """Return the claims on one model, and what was found besides."""
    theirs, right = Transformers(folder, new_tokens), list[int]()
    streams = [
        SamplingParams(do_sample=True, max_new_tokens=new_tokens, seed=seed, **SETTINGS)
        for seed in range(STREAMS)
    ]
    with lab_on(folder) as lab:

        def ours() -> int:
            drawn = together(lab, streams)
            right.append(sum(a == b for a, b in zip(drawn, theirs.drawn.values())))
            return sum(map(len, drawn))

        def bare() -> int:
            with without_records():
                return ours()

        runs = {
            "serial": theirs.serial,
            "static": theirs.static,
            "continuous": theirs.continuous,
            "records": ours,
            "one": theirs.one,
            "ours_one": lambda: sum(map(len, together(lab, streams[:1]))),
        }
        own: dict[str, list[float]] = {key: [] for key in runs}
        rates = rounds({key: per_second(run, own[key]) for key, run in runs.items()}, pairs)
        # nearly equal, so that it takes more pairs to tell them apart
        apart = rounds({"records": per_second(ours), "bare": per_second(bare)}, 4 * pairs)
        info = lab.engine.model().info
    theirs.manager.stop(block=True)

    def against(other: str, mine: str = "records") -> dict[str, list[float]]:
        return {"ratios": ratios(rates[mine], rates[other]), "baseline": rates[other]}

    held, aimed, static_held, static_aimed = WANTED[name]
    many = f"{name}: {STREAMS} seeded streams with records /"
    claims = [
        row(f"{many} serial generate", **against("serial"), at_least=held, aimed=aimed),
        row(
            f"{many} static batched sampling generate",
            **against("static"),
            at_least=static_held,
            aimed=static_aimed,
        ),
        row(
            f"{many} transformers' continuous batching, sampling",
            **against("continuous"),
            at_least=1.1,
        ),
        row(
            f"{many} without records",
            ratios(apart["records"], apart["bare"]),
            baseline=apart["bare"],
            at_least=0.95,
        ),
        row(f"{name}: 1 seeded stream with records / generate", **against("one", "ours_one")),
    ]
    by_processor = {
        other: statistics.median(ratios(own["records"][1:], own[other][1:]))  # but the warming run
        for other in ("serial", "static", "continuous")
    }
    return claims, {
        f"{name}_by_processor_time": ", ".join(f"{k} {v:.2f}" for k, v in by_processor.items()),
        f"{name}_parameters": info.parameters,
        f"{name}_texts_right": f"{min(right)} of {STREAMS} in the worst of {len(right)} runs",
        f"{name}_tokens": sum(map(len, theirs.drawn.values())),
    }


def main() -> None:
    """Measure, print and write the results."""
    quick, where = options().quick, machine()
    claims, figures = list[Row](), Row()
    with folders() as found:
        for name, folder in found.items():
            some = (2, 12) if quick else (PAIRS, NEW_TOKENS[name])
            rows, besides = measure(name, folder, *some)
            claims += rows
            figures |= besides
    write("streams", figures | where, claims, keep=not quick)


if __name__ == "__main__":
    main()
