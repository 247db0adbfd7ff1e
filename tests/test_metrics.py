"""The metrics of DESIGN 4.6, read from a registry of each lab's own."""

import pytest

from backend.errors import LabError
from backend.lab import Lab
from backend.metrics import label
from backend.settings import Settings
from backend.types import SamplingParams

PROMPT = "Tell me a story about a dragon."


def value(lab: Lab, name: str, **labels: str) -> float:
    found = lab.metrics.registry.get_sample_value(f"llmlab_{name}", labels)
    return 0.0 if found is None else found


def test_gauges_are_there_from_the_start() -> None:
    text = Lab(Settings()).metrics_text()[0].decode()
    for name in (
        *("people", "active_streams", "queue_depth", "engine_up", "models_loaded"),
        *("kv_cache_usage_ratio", "engine_last_beat_timestamp_seconds"),
    ):
        assert f"llmlab_{name} 0.0" in text
    assert "llmlab_engine_steps_total 0.0" in text
    assert 'llmlab_batch_size_bucket{le="+Inf"} 0.0' in text


def test_outcomes_sum_to_the_requests_and_tokens_to_what_was_seen() -> None:
    lab = Lab(Settings(threads=1))
    try:
        seen = 0
        for n in (3, 5):
            seen += sum(
                len(g.steps) for g in lab.generate(PROMPT, SamplingParams(max_new_tokens=n))
            )
        stream = lab.stream(
            PROMPT, SamplingParams(max_new_tokens=400, do_sample=True, temperature=99)
        )
        next(stream)
        stream.close()
        with pytest.raises(LabError):
            lab.generate("")
        lab.engine.scheduler.close(5)  # the last end has been counted
        ok = {"operation": "generate", "model": "pocket-chat", "precision": "fp32"}
        assert value(lab, "requests_total", **ok, outcome="ok") == 2
        assert (
            value(lab, "requests_total", **{**ok, "operation": "stream"}, outcome="cancelled") == 1
        )
        assert value(lab, "requests_total", **{**ok, "precision": "none"}, outcome="rejected") == 1
        assert value(lab, "cancellations_total", reason="running") == 1
        assert value(lab, "tokens_total", direction="output", model="pocket-chat") >= seen
        assert (
            value(
                lab, "time_to_first_token_seconds_count", operation="generate", model="pocket-chat"
            )
            == 2
        )
        assert value(lab, "engine_up") == 1
        assert value(lab, "model_info", model="pocket-chat", precision="fp32", device="cpu") == 1
        assert (
            value(lab, "memory_bytes", component="weights", device="cpu", model="pocket-chat") > 1e6
        )
    finally:
        lab.close()


def test_people_are_counted_once() -> None:
    lab = Lab(Settings())
    for person in ("a", "b", "a"):
        lab.saw_person(person)
    assert value(lab, "people") == 2


def test_unknown_names_make_no_series() -> None:
    assert label("meta-llama/Llama-2-7b-hf") == "meta-llama/Llama-2-7b-hf"
    assert label("somebody/anything") == "other"
