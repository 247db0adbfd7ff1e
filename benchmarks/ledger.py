"""Memory estimated from the shape against memory measured, and a card that fills up in mid-batch.

    python -m benchmarks.ledger          # writes benchmarks/results/ledger.json and .md

Random weights. On CUDA of Llama-2-7B's shape, and what counts is what torch's allocator holds once
a run has ended; beside it stands the course's own table. On a CPU, which counts no tensors, a small
shape, and the tensors are counted one by one.
"""

import tempfile
from contextlib import ExitStack, closing

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

from backend.errors import LabError
from backend.lab import Lab
from backend.precision import PRECISIONS
from backend.queueing import Limits
from backend.settings import Settings
from backend.types import SamplingParams
from benchmarks.arms import POCKET, options
from benchmarks.report import Row, machine, row, write
from demo.widgets.memory_stack import RECORDED

MIB = 2**20
PROMPT = "Tell me a story about a dragon."
SMALL = LlamaConfig(
    hidden_size=512, intermediate_size=1408, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=4, head_dim=128, vocab_size=32000, max_position_embeddings=4096,
)  # fmt: skip
LLAMA_7B = LlamaConfig(
    hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
    num_key_value_heads=32, head_dim=128, vocab_size=32000, max_position_embeddings=4096,
)  # fmt: skip


def measured(folder: str, precision: str) -> tuple[Row, Row]:
    """Load at a precision, answer once, and compare what is held with the estimate."""
    lab = Lab(Settings(model=folder, precision=precision, threads=1))
    try:
        lab.generate(PROMPT, SamplingParams(max_new_tokens=8))
        while lab.status().kv_cache_bytes:
            pass
        ledger = lab.ledger()
        [resident] = ledger.residents
        card = ledger.devices[-1]
        on_card = card.device.startswith("cuda")
        assert resident.estimated
        found = card.allocated_bytes if on_card else resident.held_bytes
        workspace = resident.estimated.workspace_bytes if on_card else 0
        expected = resident.estimated.weights_bytes + resident.estimated.quant_state_bytes
        residual = abs(found / (expected + workspace) - 1)
        claim = row(
            f"{precision}: share by which what stays differs from the estimate",
            [residual],
            at_most=0.02,
        )
        figures = {f"{precision}_mib": round(found / MIB, 1)}
        if on_card:
            figures[f"{precision}_load_peak_mib"] = round(resident.load_peak_bytes / MIB, 1)
            figures[f"{precision}_load_peak_estimated_mib"] = round(
                resident.estimated.load_peak_bytes / MIB, 1
            )
            if precision in RECORDED:
                figures[f"{precision}_course_mib"], _ = RECORDED[precision]
        return claim, figures
    finally:
        lab.close()


def filled(folder: str) -> tuple[Row, Row]:
    """Let eight streams run, leave the card no room for more, and let eight longer ones join."""
    lab = Lab(Settings(model=folder, threads=1), limits=Limits(running=16, waiting=16, rows=32))
    try:
        short = SamplingParams(max_new_tokens=400)
        with ExitStack() as open_streams:
            first = [
                open_streams.enter_context(closing(lab.stream(PROMPT, short))) for _ in range(8)
            ]
            for stream in first:
                next(stream)
            held = torch.cuda.memory_reserved() + 64 * MIB
            torch.cuda.set_per_process_memory_fraction(
                held / torch.cuda.get_device_properties(0).total_memory
            )
            retired = 0
            for _ in range(8):
                try:
                    lab.generate(PROMPT * 40, SamplingParams(max_new_tokens=512))
                except LabError as error:
                    if error.code != "out_of_memory":
                        raise
                    retired += 1
            whole = sum(1 + sum(1 for _ in stream) == 400 for stream in first)
        stats = lab.status()
        return row("streams that ended whole / that ran before", [whole / 8], at_least=1), {
            "retired_for_memory": retired,
            "oom_total": stats.oom_total,
            "restarts_total": stats.restarts_total,
        }
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        lab.close()


def main() -> None:
    """Measure, print and write the results."""
    quick, where = options().quick, machine()
    cuda = torch.cuda.is_available()
    figures: Row = {"device": torch.cuda.get_device_name() if cuda else "cpu"}
    claims: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        set_seed(0)
        model = LlamaForCausalLM(LLAMA_7B if cuda else SMALL)
        model.generation_config.eos_token_id = None  # random weights end nowhere
        model.to(torch.bfloat16).save_pretrained(folder)
        del model
        AutoTokenizer.from_pretrained(POCKET).save_pretrained(folder)
        for precision in PRECISIONS:
            claim, found = measured(folder, precision)
            claims.append(claim)
            figures |= found
        if cuda:
            claim, found = filled(folder)
            claims.append(claim)
            figures |= found
    if not cuda:
        figures["not_measured"] = (
            "the allocator's bytes, load peaks and a full card: no CUDA device"
        )
    write("ledger", figures | where, claims, keep=not quick)


if __name__ == "__main__":
    main()
