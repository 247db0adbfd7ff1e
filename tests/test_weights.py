"""The weights by kind are all of the model's, each once."""

from backend.lab import Lab
from backend.weights import Weights, weights_job


def test_the_kinds_hold_every_parameter(lab: Lab) -> None:
    loaded = lab.engine.model("pocket-base")
    found = {kind.name: kind for kind in weights_job(loaded)}
    assert sum(kind.parameters for kind in found.values()) == loaded.model.num_parameters()
    assert found["model.embed_tokens.weight"] == Weights(
        name="model.embed_tokens.weight", layers=1, shape=(2048, 192), parameters=2048 * 192
    )
    query = found["model.layers.*.self_attn.q_proj.weight"]
    assert (query.layers, query.shape, query.parameters) == (6, (192, 192), 6 * 192 * 192)
    assert "lm_head.weight" not in found  # tied to the embedding
