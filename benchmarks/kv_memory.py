"""KV bytes held while streams run, against the formula.

    python -m benchmarks.kv_memory          # writes benchmarks/results/kv_memory.json and .md

2 x layers x kv_heads x head_dim x positions x 4 bytes, of the model's config, not of our code's
own numbers. Nothing is timed: the streams stand still while they are counted, since nobody reads.
"""

import gc
import time

import torch

from backend.lab import Lab
from backend.rows import Ticket
from backend.types import Request, SamplingParams
from benchmarks.arms import folders, lab_on, options
from benchmarks.report import Row, machine, row, write

PROMPT = "Tell me a story about a dragon."
ROWS, BUCKET = 32, 256
SHORT, LONG = 128, 900  # positions


class Held:
    """Streams that nobody reads, so that their rows stay."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.loaded = lab, lab.engine.model()
        self.tickets: list[Ticket] = []

    def formula(self, positions: int) -> int:
        """Bytes of one row, keys and values in fp32."""
        c = self.loaded.model.config
        width = c.num_key_value_heads * (c.hidden_size // c.num_attention_heads)
        return 2 * c.num_hidden_layers * width * positions * 4

    def add(self, positions: int) -> None:
        """Start a stream that may fill `positions`, and wait until its rows are there."""
        new = positions - len(self.loaded.encode(PROMPT))
        prefix = tuple([5] * max(0, new - 400))  # at most 512 new tokens are allowed
        params = SamplingParams(
            do_sample=True,
            temperature=100,
            seed=len(self.tickets),
            max_new_tokens=new - len(prefix),
        )
        engine = self.lab.engine
        ticket = engine.ticket(Request(PROMPT, params, prefix_ids=prefix), update_s=60.0)
        engine.submit(ticket)
        self.tickets.append(ticket)
        while not ticket.step_times_s:
            time.sleep(0.002)

    def bytes(self) -> int:
        """KV bytes as the lab reports them."""
        return sum(self.lab.status().kv_cache_bytes.values())

    def in_tensors(self) -> int:
        """Bytes of all four-dimensional tensors alive: the caches, whoever made them."""
        gc.collect()
        alive = (o for o in gc.get_objects() if type(o) is torch.Tensor and o.dim() == 4)
        return sum(
            {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in alive}.values()
        )

    def end(self) -> None:
        """Let everything go."""
        for ticket in self.tickets:
            ticket.channel.close()
        while self.lab.status().active_streams:
            time.sleep(0.002)
        self.tickets = []


def measure(name: str, lab: Lab) -> tuple[list[Row], Row]:
    """Return the claims on one model and what was found besides."""
    held, each = Held(lab), []
    own = held.formula(BUCKET)
    for rows in range(1, ROWS + 1):
        held.add(BUCKET)
        each.append(held.bytes() / (rows * own))
    tensors = held.in_tensors() / (ROWS * own)
    held.end()
    for _ in range(ROWS - 1):
        held.add(SHORT)
    held.add(LONG)
    mixed = held.bytes() / ((ROWS - 1) * held.formula(SHORT) + held.formula(LONG))
    held.end()
    worst = max(each)
    claims = [
        row(
            f"{name}: bytes per stream / formula at its bucket, the worst of 1 to {ROWS} streams",
            [worst],
            at_most=1.15,
        ),
        row(
            f"{name}: {ROWS - 1} rows of {SHORT} positions and one of {LONG}"
            " / the sum of their own formulas",
            [mixed],
            at_most=3,
        ),
        row(f"{name}: bytes of the tensors alive / formula at {ROWS} streams", [tensors]),
    ]
    return claims, {f"{name}_bytes_per_stream_by_formula": own}


def main() -> None:
    """Measure, print and write the results."""
    quick, where = options().quick, machine()
    claims, figures = list[Row](), Row()
    with folders() as found:
        for name, folder in found.items():
            with lab_on(folder) as lab:
                rows, besides = measure(name, lab)
            claims += rows
            figures |= besides
    write("kv_memory", figures | where, claims, keep=not quick)


if __name__ == "__main__":
    main()
