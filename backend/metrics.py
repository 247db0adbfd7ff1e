"""Every Prometheus object of the lab (DESIGN 4.6); the only module that imports prometheus_client.

One registry per Lab. Counters and histograms are filled from RequestStats; gauges are read at
scrape from EngineStats. No prompt, person or free text is a label; unknown models are "other".
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from backend.catalog import MODELS
from backend.types import EngineStats, ModelInfo, RequestStats, ToolOutcome

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
OPERATIONS = (
    *("complete", "tokens", "sample", "chat", "generate", "stream", "agent"),
    *("openai_chat", "openai_completions"),
)
TOOLS = ("search", "calculator", "clock", "convert")
PEOPLE_WINDOW_S = 300.0


def label(model: str) -> str:
    """Return the model's name where it is known, so that no user makes a series."""
    return model if model in MODELS else "other"


class Metrics:
    """One lab's numbers."""

    def __init__(self, snapshot: Callable[[], EngineStats]) -> None:
        self.registry = CollectorRegistry()
        self._last_seen_s: dict[str, float] = {}

        def counter(name: str, says: str, labels: tuple[str, ...]) -> Counter:
            return Counter(f"llmlab_{name}", says, labels, registry=self.registry)

        def histogram(name: str, says: str, labels: tuple[str, ...], buckets: tuple) -> Histogram:
            return Histogram(
                f"llmlab_{name}", says, labels, buckets=buckets, registry=self.registry
            )

        self._requests = counter(
            "requests", "Requests ended, by outcome", ("operation", "model", "precision", "outcome")
        )
        by_operation = ("operation", "model")
        self._duration = histogram(
            "request_duration_seconds", "From submission to the end", by_operation, SECONDS
        )
        self._ttft = histogram(
            "time_to_first_token_seconds",
            "From submission to the first token",
            by_operation,
            SECONDS,
        )
        self._queue_wait = histogram(
            "queue_wait_seconds", "From submission to admission", by_operation, SECONDS
        )
        self._gaps = histogram(
            "inter_token_latency_seconds", "Between two steps of a request", ("model",), GAPS
        )
        self._tokens = counter("tokens", "Tokens read and written", ("direction", "model"))
        self._loads = histogram(
            "model_load_seconds", "Loading a model", ("model", "precision"), SECONDS
        )
        self._cancellations = counter(
            "cancellations", "Requests left before their end", ("reason",)
        )
        self._tab_views = counter("tab_views", "Tabs opened", ("tab", "lang"))
        self._exercises = counter(
            "exercise_answers", "Exercise answers checked", ("exercise", "correct")
        )
        self._tool_calls = counter(
            "tool_calls", "Turns that called a tool, or tried to", ("tool", "outcome")
        )
        self.registry.register(_Gauges(snapshot, self.people))

    def ended(self, stats: RequestStats) -> None:
        """Count one ended request."""
        model = label(stats.model)
        operation = stats.operation if stats.operation in OPERATIONS else "other"
        self._requests.labels(operation, model, stats.precision, stats.outcome).inc()
        self._duration.labels(operation, model).observe(stats.duration_s)
        self._queue_wait.labels(operation, model).observe(stats.queue_wait_s)
        if stats.ttft_s is not None:
            self._ttft.labels(operation, model).observe(stats.ttft_s)
        gaps = self._gaps.labels(model)
        for gap_s in stats.gaps_s:
            gaps.observe(gap_s)
        self._tokens.labels("input", model).inc(stats.input_tokens)
        self._tokens.labels("output", model).inc(stats.output_tokens)
        if stats.outcome == "cancelled":
            self._cancellations.labels("running" if stats.ttft_s is not None else "waiting").inc()

    def rejected(self, operation: str, model: str) -> None:
        """Count a request that was refused before it could wait."""
        operation = operation if operation in OPERATIONS else "other"
        self._requests.labels(operation, label(model), "none", "rejected").inc()

    def loaded(self, info: ModelInfo) -> None:
        """Count one load."""
        self._loads.labels(label(info.model), info.precision).observe(info.load_s)

    def saw_person(self, person: str) -> None:
        """Count a person as here for the next five minutes."""
        self._last_seen_s[person] = time.monotonic()

    def saw_tab(self, tab: str, lang: str) -> None:
        """Count an opened tab."""
        self._tab_views.labels(tab, lang).inc()

    def exercise(self, exercise: str, correct: bool) -> None:
        """Count a checked answer."""
        self._exercises.labels(exercise, str(correct).lower()).inc()

    def tool_call(self, tool: str, outcome: ToolOutcome) -> None:
        """Count a call; a name that no tool has is "other"."""
        self._tool_calls.labels(tool if tool in TOOLS else "other", outcome).inc()

    def people(self) -> int:
        """Return how many were seen in the last five minutes."""
        since_s = time.monotonic() - PEOPLE_WINDOW_S
        for person, seen_s in tuple(self._last_seen_s.items()):
            if seen_s < since_s:
                self._last_seen_s.pop(person, None)
        return len(self._last_seen_s)

    def text(self) -> tuple[bytes, str]:
        """Return the exposition text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _Gauges(Collector):
    """What is read at scrape."""

    def __init__(self, snapshot: Callable[[], EngineStats], people: Callable[[], int]) -> None:
        self._snapshot, self._people = snapshot, people

    def collect(self) -> Iterable[Metric]:
        stats = self._snapshot()
        kv_bytes = sum(stats.kv_cache_bytes.values())
        for name, says, value in (
            ("people", "People seen in the last five minutes", self._people()),
            ("active_streams", "Requests running", stats.active_streams),
            ("queue_depth", "Requests waiting", stats.queue_depth),
            ("engine_up", "1 while a model is loaded", float(stats.state == "ready")),
            ("models_loaded", "Resident models", len(stats.models)),
            (
                "kv_cache_usage_ratio",
                "KV cache held of its limit",
                kv_bytes / stats.kv_cache_limit_bytes if stats.kv_cache_limit_bytes else 0.0,
            ),
            ("engine_last_beat_timestamp_seconds", "The model thread's last turn", stats.last_beat),
        ):
            yield GaugeMetricFamily(f"llmlab_{name}", says, value=value)
        yield CounterMetricFamily("llmlab_engine_steps", "Batched steps", value=stats.steps_total)
        yield CounterMetricFamily(
            "llmlab_engine_restarts", "Recoveries of the model thread", value=stats.restarts_total
        )
        yield _batch_sizes(stats.batch_sizes)
        yield from _memory(stats)
        info = GaugeMetricFamily(
            "llmlab_model_info", "Resident models", labels=("model", "precision", "device")
        )
        for model in stats.models:
            info.add_metric((label(model.model), model.precision, model.device), 1)
        yield info


def _batch_sizes(counts: tuple[int, ...]) -> Metric:
    family = HistogramMetricFamily("llmlab_batch_size", "Rows in a step", labels=())
    total, buckets, edge = 0, [], 1
    for size, count in enumerate(counts, start=1):
        total += count
        if size == edge:
            buckets.append((str(float(edge)), float(total)))
            edge *= 2
    buckets.append(("+Inf", float(total)))
    family.add_metric((), buckets, sum_value=sum(n * c for n, c in enumerate(counts, start=1)))
    return family


def _memory(stats: EngineStats) -> Iterable[Metric]:
    held = GaugeMetricFamily(
        "llmlab_memory_bytes", "Bytes held", labels=("component", "device", "model")
    )
    known = sum(stats.kv_cache_bytes.values())
    device = stats.models[0].device if stats.models else "cpu"
    for model in stats.models:
        known += model.weights_bytes + model.quant_state_bytes
        name = label(model.model)
        held.add_metric(("weights", model.device, name), model.weights_bytes)
        held.add_metric(("quant_state", model.device, name), model.quant_state_bytes)
    for name, kv_bytes in stats.kv_cache_bytes.items():
        held.add_metric(("kv_cache", device, label(name)), kv_bytes)
    used, total = host_memory()
    held.add_metric(("other", "cpu", "none"), max(used - (known if device == "cpu" else 0), 0))
    yield held
    devices = GaugeMetricFamily(
        "llmlab_device_memory_bytes", "Memory of a device", labels=("device", "kind")
    )
    devices.add_metric(("cpu", "used"), used)
    devices.add_metric(("cpu", "total"), total)
    if device.startswith("cuda"):
        import torch

        free, total = torch.cuda.mem_get_info()
        devices.add_metric((device, "used"), total - free)
        devices.add_metric((device, "total"), total)
    yield devices
    disk = GaugeMetricFamily("llmlab_cache_disk_bytes", "Disk of the model cache", labels=("kind",))
    used_disk, free_disk = cache_disk()
    disk.add_metric(("used",), used_disk)
    disk.add_metric(("free",), free_disk)
    yield disk


def host_memory() -> tuple[int, int]:
    """Return this process's resident bytes and the machine's memory."""
    page = os.sysconf("SC_PAGE_SIZE")
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
    return resident, os.sysconf("SC_PHYS_PAGES") * page


def cache_disk() -> tuple[int, int]:
    """Return the used and free bytes of the disk that holds the Hugging Face cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.used, usage.free
