"""Models that cannot share a forward are still served: each row with the model's own cache."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GenerationConfig,
    MambaConfig,
    MambaForCausalLM,
    PreTrainedModel,
    set_seed,
)

from backend.batch import Batch
from backend.catalog import MODELS
from backend.lab import Lab
from backend.settings import Settings
from backend.types import Request, SamplingParams
from tests.test_bad_rows import ticket

TINY = {"hidden_size": 64, "num_hidden_layers": 2}
PROMPTS = ("Tell me a story about a dragon.", "1+1=?", "Hello.")


def bloom(vocab: int) -> PreTrainedModel:
    return BloomForCausalLM(BloomConfig(vocab_size=vocab, hidden_size=64, n_layer=2, n_head=4))


def mamba(vocab: int) -> PreTrainedModel:
    return MambaForCausalLM(MambaConfig(vocab_size=vocab, state_size=8, **TINY))


@pytest.mark.slow
@pytest.mark.parametrize("make", [bloom, mamba])
def test_seeded_texts_are_generates(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = MODELS["pocket-base"].source
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source)
    torch.manual_seed(1)
    model = make(len(tokenizer)).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from uniform, or every token is a tie
            parameter.mul_(3)
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    lab = Lab(Settings(model=str(tmp_path), threads=1))
    try:
        loaded = lab.engine.model()
        assert not loaded.batches
        assert loaded.lean is None
        params = [
            SamplingParams(do_sample=True, temperature=0.8, seed=s, max_new_tokens=12,
                           num_return_sequences=1 + s) for s in range(3)
        ]  # fmt: skip
        tickets = [
            lab.engine.pending(Request(p, q), update_s=60.0) for p, q in zip(PROMPTS, params)
        ]
        for ticket in tickets:
            ticket.submit(False)
        from backend.engine import drain

        for prompt, asked, ticket in zip(PROMPTS, params, tickets):
            steps = list(drain(ticket.channel, lambda: None))
            inputs = tokenizer(prompt, return_tensors="pt")
            set_seed(asked.seed)
            with torch.inference_mode():
                out = model.generate(
                    inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=True,
                    temperature=0.8, top_k=0, max_new_tokens=12,
                    num_return_sequences=asked.num_return_sequences,
                )[:, inputs["input_ids"].shape[1] :].tolist()  # fmt: skip
            want = [row[: row.index(2) + 1] if 2 in row else row for row in out]
            got = [[step.token_id for step in steps if step.row == row] for row in range(len(want))]
            assert got == want
    finally:
        lab.close()


def test_a_step_reads_one_long_prompt_where_none_can_be_read_in_pieces(lab: Lab) -> None:
    """Those who run wait for one whole prompt, and not for those of all who have come."""
    batch = Batch(replace(lab.engine.model(), lean=None, batches=False))
    running, long, other = (
        ticket(batch.loaded, n, prompt=f"{n} {'go ' * 99 * n}") for n in range(3)
    )
    batch.join(running)
    batch.step()
    batch.join(long)
    batch.join(other)
    batch.step()
    assert (long.output_tokens, other.read) == (1, 0)
    batch.step()
    assert (long.output_tokens, other.output_tokens, running.output_tokens) == (2, 1, 3)
