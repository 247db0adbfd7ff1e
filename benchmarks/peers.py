"""CTranslate2 and llama.cpp on the same weights in fp32, against the lab with its records.

    pip install '.[ctranslate2,llamacpp]'; python -m benchmarks.peers    # writes results/peers.json

1, 8 and 32 streams of one prompt, drawn and greedy, tokens per second on one thread. The
ratio is reported whatever it is, with what explains it. A peer that is not installed is left out,
and the results say so; llama-cpp-python is built from source, in about five minutes.
"""

import importlib.metadata
import importlib.util
import statistics
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from transformers import set_seed

from backend.lab import Lab
from backend.types import SamplingParams
from benchmarks.arms import PAIRS, folders, lab_on, options, ratios, rounds
from benchmarks.report import Row, machine, row, write
from benchmarks.streams import END, PROMPT, SETTINGS, Transformers, per_second, together

STREAMS = (1, 8, 32)
NEW_TOKENS = {"pocket": 100, "768": 24}
Arm = Callable[[int, bool], list[list[int]]]  # streams, drawn or greedy -> ids of each
EXPLAINS = {
    "ctranslate2": "the whole step in C++, its layers fused, over oneDNN or MKL; no records, and "
    "one seed for all streams",
    "llama.cpp": "the whole step in C++ but for one ctypes call a token; KV cache in fp16; no "
    "records; every stream draws with its own sampler and seed",
    "ours": "PyTorch's kernels called from Python, layer by layer; every token with its record and "
    "drawn as generate draws it",
}


def ctranslate2_arm(folder: str, place: Path, ids: list[int], new: int) -> Arm:
    """Return what continues a prompt with CTranslate2."""
    import ctranslate2
    from ctranslate2.converters import TransformersConverter
    from transformers import AutoTokenizer

    TransformersConverter(folder).convert(str(place), quantization="float32")
    generator = ctranslate2.Generator(str(place), compute_type="float32", intra_threads=1)
    prompt = AutoTokenizer.from_pretrained(folder).convert_ids_to_tokens(ids)
    drawn = {
        "sampling_topk": 0,
        "sampling_topp": SETTINGS["top_p"],
        "sampling_temperature": SETTINGS["temperature"],
    }

    def arm(streams: int, sampling: bool) -> list[list[int]]:
        results = generator.generate_batch(
            [prompt] * streams,
            max_length=new,
            include_prompt_in_result=False,
            return_end_token=True,
            **(drawn if sampling else {"sampling_topk": 1}),
        )
        return [result.sequences_ids[0] for result in results]

    return arm


def llamacpp_arm(folder: str, place: Path, ids: list[int], new: int) -> Arm:
    """Return what continues a prompt with llama.cpp."""
    from benchmarks.llamacpp import LlamaCpp, write_gguf

    write_gguf(folder, place)
    positions = -(-(len(ids) + new) // 128) * 128
    engine = LlamaCpp(place, sequences=max(STREAMS), positions=positions, end=END)

    def arm(streams: int, sampling: bool) -> list[list[int]]:
        settings = SETTINGS if sampling else {}
        return engine.generate(ids, streams, new, **settings)

    return arm


def ours_arm(lab: Lab, new: int) -> Arm:
    """Return what continues the prompt with the lab, each stream with a seed of its own."""

    def arm(streams: int, sampling: bool) -> list[list[int]]:
        settings = SETTINGS if sampling else {}
        return together(
            lab,
            [
                SamplingParams(do_sample=sampling, max_new_tokens=new, seed=seed, **settings)
                for seed in range(streams)
            ],
        )

    return arm


def generate_arm(folder: str, new: int) -> tuple[list[int], Arm]:
    """Return the prompt's ids, and what continues them with `generate`, many as one batch."""
    theirs = Transformers(folder, new)

    def arm(streams: int, sampling: bool) -> list[list[int]]:
        set_seed(0)
        return theirs.generate(streams, sampling=sampling)

    return theirs.ids, arm


def measure(name: str, folder: str, pairs: int, new: int) -> tuple[list[Row], Row]:
    """Return the ratios on one model, and whether the greedy texts agree."""
    with tempfile.TemporaryDirectory() as place, lab_on(folder) as lab:
        ids, generate = generate_arm(folder, new)
        arms: dict[str, Arm] = {"generate": generate, "ours": ours_arm(lab, new)}
        if importlib.util.find_spec("ctranslate2"):
            arms["ctranslate2"] = ctranslate2_arm(folder, Path(place) / "ct2", ids, new)
        if importlib.util.find_spec("llama_cpp") and importlib.util.find_spec("gguf"):
            arms["llama.cpp"] = llamacpp_arm(folder, Path(place) / "model.gguf", ids, new)
        [text] = arms["generate"](1, False)
        besides: Row = {
            f"{name}_{key}_greedy_is_generates": run(1, False) == [text]
            for key, run in arms.items()
        }
        claims = list[Row]()
        for sampling in (True, False):
            for streams in STREAMS:

                def timed(arm: Arm, n: int = streams, how: bool = sampling) -> Callable[[], float]:
                    return per_second(lambda: sum(map(len, arm(n, how))))

                rates = rounds({key: timed(arm) for key, arm in arms.items()}, pairs)
                what = f"{name}, {streams} {'drawn' if sampling else 'greedy'}"
                claims += [
                    row(
                        f"{what}: ours with records / {peer}",
                        ratios(rates["ours"], rates[peer]),
                        baseline=rates[peer],
                    )
                    for peer in ("ctranslate2", "llama.cpp")
                    if peer in arms
                ]
                besides[f"{what} / generate of as many"] = ", ".join(
                    f"{key} {statistics.median(ratios(rates[key], rates['generate'])):.2f}"
                    for key in list(arms)[1:]
                )
    return claims, besides


def installed(package: str) -> str:
    """Return a peer's version, or that it was left out."""
    try:
        return version(package)
    except importlib.metadata.PackageNotFoundError:
        return f"left out: {package} is not installed"


def main() -> None:
    """Measure, print and write the results."""
    quick, where = options().quick, machine()
    claims, figures = list[Row](), Row()
    with folders() as found:
        for name, folder in found.items():
            some = (1, 8) if quick else (PAIRS, NEW_TOKENS[name])
            rows, besides = measure(name, folder, *some)
            claims += rows
            figures |= besides
    figures |= {
        "prompt": PROMPT,
        "ctranslate2": installed("ctranslate2"),
        "llama_cpp_python": installed("llama-cpp-python"),
        **{f"explains_{key}": text for key, text in EXPLAINS.items()},
    }
    write("peers", figures | where, claims, keep=not quick)


if __name__ == "__main__":
    main()
