"""The metrics of DESIGN 4.6, read from a registry of each lab's own."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.device_memory import DeviceMemory
from backend.errors import LabError
from backend.lab import Lab
from backend.ledger import Holding, Ledger
from backend.metrics import OPERATIONS, TOOLS, Metrics, label
from backend.settings import Settings
from backend.types import EngineStats, ModelInfo, RequestStats, SamplingParams
from tests.test_scheduler import LONG, PROMPT

DESIGN = {  # name: (type, labels)
    "requests_total": ("counter", "operation model precision outcome"),
    "request_duration_seconds": ("histogram", "operation model"),
    "time_to_first_token_seconds": ("histogram", "operation model"),
    "queue_wait_seconds": ("histogram", "operation model"),
    "inter_token_latency_seconds": ("histogram", "model"),
    "tokens_total": ("counter", "direction model"),
    "people": ("gauge", ""),
    "active_streams": ("gauge", ""),
    "queue_depth": ("gauge", ""),
    "engine_up": ("gauge", ""),
    "models_loaded": ("gauge", ""),
    "kv_cache_usage_ratio": ("gauge", ""),
    "engine_last_beat_timestamp_seconds": ("gauge", ""),
    "batch_size": ("histogram", ""),
    "engine_steps_total": ("counter", ""),
    "oom_total": ("counter", ""),
    "engine_restarts_total": ("counter", ""),
    "memory_bytes": ("gauge", "component device model"),
    "memory_peak_bytes": ("gauge", "component device model"),
    "device_memory_bytes": ("gauge", "device kind"),
    "cache_disk_bytes": ("gauge", "kind"),
    "model_load_seconds": ("histogram", "model precision"),
    "model_info": ("gauge", "model precision device"),
    "cancellations_total": ("counter", "reason"),
    "tool_calls_total": ("counter", "tool outcome"),
    "tab_views_total": ("counter", "tab lang"),
    "exercise_answers_total": ("counter", "exercise correct"),
}
FROM_THE_START = [name for name, (_, labels) in DESIGN.items() if not labels]


def value(lab: Lab, name: str, **labels: str) -> float:
    found = lab.metrics.registry.get_sample_value(f"llmlab_{name}", labels)
    return 0.0 if found is None else found


def total(metrics: Metrics, name: str, **labels: str) -> float:
    """Return the sum over the series that have these labels."""
    return sum(
        sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"llmlab_{name}" and labels.items() <= sample.labels.items()
    )


@pytest.fixture
def used() -> Iterator[Lab]:
    lab = Lab(Settings(threads=1, max_queue=7))
    yield lab
    lab.close()


def info(model: str) -> ModelInfo:
    return ModelInfo(
        model=model,
        precision="fp32",
        device="cpu",
        weights_bytes=1,
        quant_state_bytes=0,
        load_s=1.0,
        context=8,
        vocab_size=8,
        parameters=1,
        has_chat_template=False,
    )


def stats(**changed: object) -> EngineStats:
    fields: dict[str, object] = {
        "state": "ready",
        "detail": "",
        "current": "pocket-chat",
        "last_beat": 1.0,
        "announced": "",
        "active_streams": 0,
        "active_rows": 0,
        "queue_depth": 0,
        "steps_total": 0,
        "restarts_total": 0,
        "batch_sizes": (2, 0, 1),
        "kv_cache_bytes": {},
        "kv_cache_limit_bytes": 100,
        "models": (),
    }
    return EngineStats(**(fields | changed))  # type: ignore[arg-type]


def ended(**changed: object) -> RequestStats:
    fields: dict[str, object] = {
        "operation": "chat",
        "model": "pocket-chat",
        "precision": "fp32",
        "outcome": "ok",
        "queue_wait_s": 0.1,
        "ttft_s": 0.2,
        "duration_s": 0.5,
        "gaps_s": (0.1, 0.2),
        "input_tokens": 3,
        "output_tokens": 4,
    }
    return RequestStats(**(fields | changed))  # type: ignore[arg-type]


def test_what_has_no_label_is_there_from_the_start() -> None:
    text = Lab(Settings(max_queue=7)).metrics_text()[0].decode()
    for name in FROM_THE_START:
        shown = f'{name}_bucket{{le="+Inf"}}' if name == "batch_size" else name
        assert f"llmlab_{shown} 0.0" in text
    assert 'llmlab_cancellations_total{reason="waiting"} 0.0' in text
    assert "llmlab_queue_limit 7.0" in text
    assert 'llmlab_device_memory_bytes{device="cpu",kind="total"}' in text


def test_every_row_of_the_design_is_there_with_its_labels() -> None:
    held = Holding(component="weights", device="cpu", model="pocket-chat", bytes=5, peak_bytes=9)
    device = DeviceMemory(device="cpu", total_bytes=100, used_bytes=50, ours_bytes=20)
    metrics = Metrics(
        lambda: stats(models=(info("pocket-chat"),), oom_total=3),
        lambda: Ledger(devices=(device,), holdings=(held,)),
        queue_limit=4,
    )
    metrics.ended(ended())
    metrics.loaded(info("pocket-chat"))
    metrics.tool_call("search", "ok")
    metrics.saw_tab("chat", "ja")
    metrics.exercise("chat-1", True)
    found = {f.name: f for f in metrics.registry.collect()}
    for name, (kind, labels) in DESIGN.items():
        family = found[f"llmlab_{name.removesuffix('_total')}"]
        assert family.type == kind, name
        keys = {tuple(k for k in s.labels if k != "le") for s in family.samples}
        assert keys == {tuple(labels.split())}, name
    assert metrics.registry.get_sample_value("llmlab_oom_total") == 3
    where = {"component": "weights", "device": "cpu", "model": "pocket-chat"}
    assert metrics.registry.get_sample_value("llmlab_memory_peak_bytes", where) == 9
    assert metrics.registry.get_sample_value("llmlab_batch_size_sum") == 2 * 1 + 1 * 3


@pytest.mark.slow
def test_outcomes_sum_to_the_requests_and_tokens_to_what_was_seen(used: Lab) -> None:
    lab, seen, started = used, 0, 0
    for n in (3, 5):
        started += 1
        seen += sum(len(g.steps) for g in lab.generate(PROMPT, SamplingParams(max_new_tokens=n)))
    assert value(lab, "tokens_total", direction="output", model="pocket-chat") == seen

    stream = lab.stream(PROMPT, LONG)
    next(stream)
    stream.close()
    for operation, wrong in (("chat", ""), ("somebody's own", "x" * 10**6)):
        with pytest.raises(LabError):
            lab.generate(wrong, operation=operation)
    with pytest.raises(LabError):
        lab.generate(PROMPT, model="somebody/anything")
    started += 4

    async def left(**fields: object) -> None:
        """Leave at the first word of waiting."""
        updates = lab.aupdates(PROMPT, LONG, **fields)  # type: ignore[arg-type]
        async with contextlib.aclosing(updates):
            await anext(updates)

    async def in_line() -> None:
        """Leave a patient request that its person's limits keep out of the line."""
        mine = [lab.aupdates(PROMPT, LONG, person="p") for _ in range(2)]
        for one in mine:
            await anext(one)
        await left(person="p", patient=True)
        for one in mine:
            await one.aclose()

    asyncio.run(in_line())
    started += 3
    lab.engine.scheduler.close(5)  # type: ignore[attr-defined]  # the last end has been counted
    assert total(lab.metrics, "requests_total") == started
    assert total(lab.metrics, "requests_total", outcome="ok") == 2
    assert total(lab.metrics, "requests_total", outcome="cancelled") == 4
    assert total(lab.metrics, "requests_total", outcome="rejected") == 3
    assert total(lab.metrics, "cancellations_total", reason="waiting") == 1
    assert total(lab.metrics, "cancellations_total", reason="running") == 3
    assert total(lab.metrics, "time_to_first_token_seconds_count", operation="generate") == 2
    assert value(lab, "engine_up") == 1
    assert value(lab, "model_info", model="pocket-chat", precision="fp32", device="cpu") == 1
    weights = {"component": "weights", "device": "cpu", "model": "pocket-chat"}
    assert value(lab, "memory_peak_bytes", **weights) >= value(lab, "memory_bytes", **weights) > 1e6


def test_leaving_while_the_model_loads_and_a_bug_are_counted(
    used: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def slow(*_: object, **__: object) -> None:
        go.wait(60)
        raise RuntimeError("a bug")

    monkeypatch.setattr(used.engine, "pending", slow)
    monkeypatch.setattr("backend.lab.WAITING_UPDATE_S", 0.05)

    async def leave() -> None:
        updates = used.aupdates(PROMPT)
        assert (await anext(updates)).waiting == "loading"
        await updates.aclose()
        go.set()

    asyncio.run(leave())
    with pytest.raises(RuntimeError):
        used.generate(PROMPT)
    assert total(used.metrics, "requests_total", outcome="cancelled") == 1
    assert total(used.metrics, "requests_total", outcome="error") == 1
    assert total(used.metrics, "requests_total") == 2


def test_an_openai_client_that_leaves_has_disconnected() -> None:
    metrics = Metrics(stats, Ledger, queue_limit=1)
    metrics.ended(ended(operation="openai_chat", outcome="cancelled"))
    metrics.unjoined("openai_completions", "", GeneratorExit())
    assert total(metrics, "requests_total", outcome="disconnected") == 2
    assert total(metrics, "cancellations_total") == 2


def test_people_are_counted_once_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, now_s = Lab(Settings()), 1000.0
    monkeypatch.setattr("backend.metrics.time", SimpleNamespace(monotonic=lambda: now_s))
    for person in ("a", "b", "a"):
        lab.saw_person(person)
    assert value(lab, "people") == 2
    now_s += 301
    lab.saw_person("c")
    assert value(lab, "people") == 1


def test_the_engine_is_up_while_another_model_loads_and_not_when_it_failed() -> None:
    def up(**changed: object) -> float | None:
        metrics = Metrics(lambda: stats(**changed), Ledger, queue_limit=1)
        return metrics.registry.get_sample_value("llmlab_engine_up")

    models = (info("pocket-chat"),)
    assert up(models=models) == up(models=models, state="loading") == 1
    assert up(state="loading") == up(models=models, state="failed") == 0


def test_nobody_makes_series(tmp_path: Path) -> None:
    """Whatever is typed: the same series; two unknown models are one, and no line comes twice."""
    names = ["somebody/anything", str(tmp_path), "🦙", 'a"} 1\n# HELP x']
    holdings = tuple(
        Holding(component="weights", device="cpu", model=name, bytes=1, peak_bytes=2)
        for name in names
    )
    metrics = Metrics(
        lambda: stats(models=tuple(map(info, names)), kv_cache_bytes=dict.fromkeys(names, 1)),
        lambda: Ledger(holdings=holdings),
        queue_limit=1,
    )
    counts = []
    for name in names:
        metrics.ended(ended(model=name, operation=name))
        metrics.unjoined(name, name, LabError("x", "x"))
        metrics.tool_call(name, "unknown_tool")
        metrics.loaded(info(name))
        lines = [line.rpartition(" ")[0] for line in metrics.text()[0].decode().splitlines()]
        series = [line for line in lines if not line.startswith("#")]
        assert len(series) == len(set(series))
        counts.append(len(series))
    assert len(set(counts)) == 1
    where = {"component": "weights", "device": "cpu", "model": "other"}
    assert metrics.registry.get_sample_value("llmlab_memory_bytes", where) == len(names)
    assert label("meta-llama/Llama-2-7b-hf") == "meta-llama/Llama-2-7b-hf"


def test_the_closed_sets_are_those_of_the_code() -> None:
    """An operation or a tool that somebody adds is counted by its name."""
    code = Path("backend/tools.py").read_text("utf-8")
    assert set(TOOLS) == set(re.findall(r"^    def (\w+)", code.partition("def toolbox")[2], re.M))
    code = "".join(p.read_text("utf-8") for p in Path("demo").rglob("*.py"))
    named = {part.split('"')[0] for part in code.split('operation="')[1:]}
    assert named <= set(OPERATIONS)
