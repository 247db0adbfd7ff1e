"""The matrix products of a step: torch's `linear` / backend.matmul's, over rows and widths.

python -m benchmarks.matmul             # writes benchmarks/results/matmul.json and .md
"""

import time
from functools import partial

import torch
import torch.nn.functional as F

from backend.matmul import linear
from benchmarks.arms import PAIRS, options, ratios, rounds
from benchmarks.report import Row, machine, row, write

CALLS = 200


@torch.inference_mode()
def seconds(multiply, x: torch.Tensor, weight: torch.Tensor) -> float:  # type: ignore[no-untyped-def]
    """Return the processor time of CALLS products."""
    began = time.thread_time()
    for _ in range(CALLS):
        multiply(x, weight)
    return time.thread_time() - began


def main() -> None:
    """Measure, print and write the results."""
    quick, where, claims = options().quick, machine(), list[Row]()
    for n in (1, 16, 32, 256):
        for width, out in ((192, 1024), (768, 4096)):
            x, weight = torch.randn(n, width), torch.randn(out, width)
            arms = {
                "torch": partial(seconds, F.linear, x, weight),
                "here": partial(seconds, linear, x, weight),
            }
            found = rounds(arms, 2 if quick else PAIRS)
            claims.append(
                row(
                    f"{n} rows, {width} to {out}: torch's linear / ours",
                    ratios(found["torch"], found["here"]),
                    baseline=found["torch"],
                )
            )
    write("matmul", where, claims, keep=not quick)


if __name__ == "__main__":
    main()
