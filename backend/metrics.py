"""Every Prometheus object of the lab (DESIGN 4.6); the only module that imports prometheus_client.

One registry per Lab. Counters and histograms are filled from RequestStats; gauges are read at
scrape from EngineStats and the ledger. No prompt, person or free text is a label; unknown models
are "other". Every request is counted once, by how it ended: in `ended`, or in `unjoined` where it
never stood in line.
"""

import time
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from backend.catalog import MODELS
from backend.errors import LabError
from backend.hub_cache import cache_disk
from backend.ledger import Ledger
from backend.types import EngineStats, ModelInfo, Outcome, RequestStats, ToolOutcome

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
OPERATIONS = (
    *("complete", "tokens", "sample", "chat", "ask", "generate", "stream", "agent"),
    *("openai_chat", "openai_completions"),
)
CANCELLED = ("waiting", "running")  # the reasons of `cancellations_total`: left before, after
TOOLS = ("search", "calculator", "clock", "convert")
PEOPLE_WINDOW_S = 300.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RECENT = 50


def label(model: str) -> str:
    """Return the model's name where it is known, so that no user makes a series."""
    return model if model in MODELS else "other"


def operation_label(operation: str) -> str:
    """Return the operation where it is one of OPERATIONS."""
    return operation if operation in OPERATIONS else "other"


class Metrics:
    """One lab's numbers."""

    def __init__(
        self,
        snapshot: Callable[[], EngineStats],
        ledger: Callable[[], Ledger],
        *,
        queue_limit: int,
    ) -> None:
        self.registry = CollectorRegistry()
        self._last_seen_s: dict[str, float] = {}
        self._pruned_s = 0.0
        self.first_tokens_s: deque[float] = deque(maxlen=RECENT)  # of the requests ended last

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
        for reason in CANCELLED:  # there from the start: a rate sees a first one only then
            self._cancellations.labels(reason)
        self._tab_views = counter("tab_views", "Tabs opened", ("tab", "lang"))
        self._exercises = counter(
            "exercise_answers", "Exercise answers checked", ("exercise", "correct")
        )
        self._tool_calls = counter(
            "tool_calls", "Turns that called a tool, or tried to", ("tool", "outcome")
        )
        self.registry.register(_Gauges(snapshot, ledger, self.people, queue_limit))

    def ended(self, stats: RequestStats) -> None:
        """Count one ended request."""
        model, operation = label(stats.model), operation_label(stats.operation)
        outcome = left(operation) if stats.outcome == "cancelled" else stats.outcome
        self._requests.labels(operation, model, stats.precision, outcome).inc()
        self._duration.labels(operation, model).observe(stats.duration_s)
        self._queue_wait.labels(operation, model).observe(stats.queue_wait_s)
        if stats.ttft_s is not None:
            self._ttft.labels(operation, model).observe(stats.ttft_s)
            self.first_tokens_s.append(stats.ttft_s)
        gaps = self._gaps.labels(model)
        for gap_s in stats.gaps_s:
            gaps.observe(gap_s)
        self._tokens.labels("input", model).inc(stats.input_tokens)
        self._tokens.labels("output", model).inc(stats.output_tokens)
        if stats.outcome == "cancelled":
            self._cancellations.labels(CANCELLED[stats.ttft_s is not None]).inc()

    def unjoined(self, operation: str, model: str, error: BaseException) -> None:
        """Count a request that ended before it stood in line, by what ended it.

        A LabError: refused; another exception: a failure; what is none: its reader left.
        """
        operation = operation_label(operation)
        outcome: Outcome = "rejected" if isinstance(error, LabError) else "error"
        if not isinstance(error, Exception):  # GeneratorExit, CancelledError
            outcome = left(operation)
            self._cancellations.labels("waiting").inc()
        self._requests.labels(operation, label(str(model)), "none", outcome).inc()

    def loaded(self, info: ModelInfo) -> None:
        """Count one load."""
        self._loads.labels(label(info.model), info.precision).observe(info.load_s)

    def saw_person(self, person: str) -> None:
        """Count a person as here for the next five minutes."""
        now_s = self._last_seen_s[person] = time.monotonic()
        if now_s - self._pruned_s > PEOPLE_WINDOW_S:  # where nobody scrapes
            self._pruned_s = now_s
            self.people()

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

    def forget_people(self) -> None:
        """Begin to count people anew."""
        self._last_seen_s.clear()

    def text(self) -> tuple[bytes, str]:
        """Return the exposition text and its content type."""
        return "".join(map(_exposition, self.registry.collect())).encode(), CONTENT_TYPE


def _exposition(family: Metric) -> str:
    """Write a family as `generate_latest` does, without the times of creation, in a third of its
    time: while the text is written no token is."""
    name = family.name + ("_total" if family.type == "counter" else "")
    lines = "".join(
        f"{_series(s.name, tuple(s.labels.items()))} {float(s.value)!r}\n"
        for s in family.samples
        if not s.name.endswith("_created")
    )
    return f"# HELP {name} {family.documentation}\n# TYPE {name} {family.type}\n{lines}"


@lru_cache(maxsize=8192)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """Return a sample's name with its labels: the same at every scrape."""
    escaped = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
    shown = ",".join(f'{key}="{value.translate(escaped)}"' for key, value in sorted(labels))
    return f"{name}{{{shown}}}" if labels else name


def left(operation: str) -> Outcome:
    """Return how a request ended whose reader went.

    An OpenAI client can only close its connection; on the page, stopping a run and closing the
    page look alike.
    """
    return "disconnected" if operation.startswith("openai_") else "cancelled"


class _Gauges(Collector):
    """What is read at scrape."""

    def __init__(
        self,
        snapshot: Callable[[], EngineStats],
        ledger: Callable[[], Ledger],
        people: Callable[[], int],
        queue_limit: int,
    ) -> None:
        self._snapshot, self._ledger = snapshot, ledger
        self._people, self._queue_limit = people, queue_limit

    def collect(self) -> Iterable[Metric]:
        stats = self._snapshot()
        kv_bytes, kv_limit = sum(stats.kv_cache_bytes.values()), stats.kv_cache_limit_bytes
        up = bool(stats.models) and stats.state != "failed"  # also while another model loads
        for name, says, value in (
            ("people", "People seen in the last five minutes", self._people()),
            ("active_streams", "Requests running", stats.active_streams),
            ("queue_depth", "Requests waiting", stats.queue_depth),
            ("queue_limit", "Requests that may wait", self._queue_limit),
            ("engine_up", "1 while a model can be asked", up),
            ("engine_announced", "1 in a turn announced as a long one", bool(stats.announced)),
            ("models_loaded", "Resident models", len(stats.models)),
            ("kv_cache_usage_ratio", "KV cache held, of its limit", kv_bytes / (kv_limit or 1)),
            ("engine_last_beat_timestamp_seconds", "The model thread's last turn", stats.last_beat),
        ):
            yield GaugeMetricFamily(f"llmlab_{name}", says, value=float(value))
        for name, says, total in (
            ("engine_steps", "Batched steps", stats.steps_total),
            ("engine_restarts", "Recoveries of the model thread", stats.restarts_total),
            ("oom", "Requests, jobs and loads ended for want of memory", stats.oom_total),
        ):
            yield CounterMetricFamily(f"llmlab_{name}", says, value=total)
        yield _batch_sizes(stats.batch_sizes)
        yield from _memory(self._ledger())
        yield gauge(
            "model_info",
            "Resident models",
            ("model", "precision", "device"),
            {(label(m.model), m.precision, m.device): 1 for m in stats.models},
        )


def gauge(
    name: str, says: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    """Return a family with one sample for each key of `values`."""
    family = GaugeMetricFamily(f"llmlab_{name}", says, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


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


def _memory(ledger: Ledger) -> Iterable[Metric]:
    held: Tally[tuple[str, ...]] = Tally()  # two models that both count as "other" are one series
    most: Tally[tuple[str, ...]] = Tally()
    for h in ledger.holdings:
        key = h.component, h.device, label(h.model) if h.model else "none"
        held[key] += h.bytes
        most[key] += h.peak_bytes
    labels = ("component", "device", "model")
    yield gauge("memory_bytes", "Bytes held", labels, held)
    yield gauge("memory_peak_bytes", "The most bytes held since the start", labels, most)
    devices: dict[tuple[str, ...], int] = {}
    for d in ledger.devices:
        devices[d.device, "used"], devices[d.device, "total"] = d.used_bytes, d.total_bytes
    yield gauge("device_memory_bytes", "Memory of a device", ("device", "kind"), devices)
    used, free = cache_disk()
    disk: dict[tuple[str, ...], float] = {("used",): used, ("free",): free}
    yield gauge("cache_disk_bytes", "Disk of the model cache", ("kind",), disk)
