"""Scores of a given text against the engine's own records and one plain forward."""

import pytest
import torch

from backend.errors import LabError
from backend.lab import Lab
from backend.scoring import CHUNK, ScoredToken, joined_ids, score
from backend.types import SamplingParams

PROMPT = "Tell me a story about a dragon."


def scored(lab: Lab, ids: list[int], start: int, model: str = "") -> list[ScoredToken]:
    [tokens] = lab.run(lambda loaded: score(loaded, ids, start), model)
    return tokens  # type: ignore[return-value]


@pytest.mark.parametrize("model", ["pocket-chat", "pocket-base"])
def test_a_generated_text_scores_as_it_was_recorded(lab: Lab, model: str) -> None:
    params = SamplingParams(do_sample=True, seed=5, temperature=1.5, max_new_tokens=40)
    [made] = lab.generate(PROMPT, params, model=model)
    prompt = lab.engine.model(model).encode(PROMPT)
    tokens = scored(lab, prompt + [s.token_id for s in made.steps], len(prompt), model)
    assert [t.token_id for t in tokens] == [s.token_id for s in made.steps]
    assert [t.logprob for t in tokens] == pytest.approx([s.logprob for s in made.steps], abs=1e-4)
    for token, step in zip(tokens, made.steps):
        first = step.alternatives[0]
        assert token.best_logprob == pytest.approx(first.logprob, abs=1e-4)
        assert (token.rank == 1) == (first.token_id == token.token_id)


def test_chunks_equal_one_forward(lab: Lab) -> None:
    loaded = lab.engine.model()
    ids = loaded.encode("Once upon a time there was a small dragon. " * 20)
    assert len(ids) > 2 * CHUNK
    with torch.inference_mode():
        logprobs = loaded.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    want = [float(logprobs[at - 1, token]) for at, token in enumerate(ids) if at]
    tokens = scored(lab, ids, 1)
    assert [t.logprob for t in tokens] == pytest.approx(want, abs=1e-4)
    assert [t.rank for t in tokens] == [
        1 + int((logprobs[at - 1] > logprobs[at - 1, token]).sum())
        for at, token in enumerate(ids)
        if at
    ]


def test_the_border_belongs_to_the_text(lab: Lab) -> None:
    loaded = lab.engine.model()
    ids, start = joined_ids(loaded, PROMPT, " It flew.")
    assert ids == loaded.encode(PROMPT + " It flew.")
    assert loaded.tokenizer.decode(ids[start:]).strip() == "It flew."
    ids, start = joined_ids(loaded, "dra", "gon")
    assert 1 <= start < len(ids)
    with pytest.raises(LabError):
        joined_ids(loaded, PROMPT, "  ")


def test_the_engine_says_that_it_can(lab: Lab) -> None:
    assert "score" in lab.engine.capabilities
