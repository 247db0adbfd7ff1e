"""Does reading a shared prompt once pay? 32 streams on one prompt, short or of 300 tokens.

python -m benchmarks.prefix             # writes benchmarks/results/prefix.json and .md
"""

import itertools
import threading
import time
from functools import partial

import backend.prefix
from backend.engine import drain
from backend.local import LocalEngine
from backend.types import Request, SamplingParams
from benchmarks.arms import PAIRS, folders, lab_on, options, ratios, rounds
from benchmarks.report import Row, machine, row, write

PROMPT = "Tell me a story about a dragon."
STREAMS, LONG, NEW_TOKENS = 32, 300, 100
NEVER = 10**9


def together(engine: LocalEngine, least: int, length: int) -> float:
    """Return the seconds of 32 seeded streams whose prompts begin with the same tokens."""
    backend.prefix.LEAST = least
    ids = engine.model().encode(PROMPT)
    prompt = tuple(itertools.islice(itertools.cycle(ids[1:]), length - len(ids)))
    params = [SamplingParams(do_sample=True, temperature=100, seed=seed, max_new_tokens=NEW_TOKENS)
              for seed in range(STREAMS)]  # fmt: skip
    tickets = [engine.ticket(Request(PROMPT, p, prefix_ids=prompt), update_s=60.0) for p in params]
    began = time.perf_counter()
    threads = [
        threading.Thread(target=lambda t=t: list(drain(t.channel, lambda: engine.submit(t))))
        for t in tickets
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def main() -> None:
    """Measure, print and write the results."""
    quick, where, claims = options().quick, machine(), list[Row]()
    least = backend.prefix.LEAST
    with folders() as found:
        for name, folder in found.items():
            with lab_on(folder) as lab:
                for length in (len(lab.engine.model().encode(PROMPT)), LONG):
                    arms = {
                        "each reads": partial(together, lab.engine, NEVER, length),
                        "once": partial(together, lab.engine, least, length),
                    }
                    measured = rounds(arms, 2 if quick else PAIRS)
                    claims.append(
                        row(
                            f"{name}: {STREAMS} streams on one prompt of {length} tokens,"
                            " each reads it / it is read once",
                            ratios(measured["each reads"], measured["once"]),
                            baseline=measured["each reads"],
                        )
                    )
    write("prefix", where, claims, keep=not quick)


if __name__ == "__main__":
    main()
