"""What /metrics writes is what prometheus_client would, but for the times of creation."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from backend.ledger import Holding, Ledger
from backend.metrics import Metrics
from tests.test_metrics import ended, stats


def test_the_text_is_prometheus_own_without_times_of_creation() -> None:
    odd = Holding(component="other", device='a"b\\c\nd', model="", bytes=5, peak_bytes=9)
    metrics = Metrics(stats, lambda: Ledger(holdings=(odd,)), queue_limit=4)
    metrics.ended(ended(duration_s=0.1 + 0.2))
    metrics.exercise("chat-1", True)

    def read(text: str) -> list[tuple[str, str, str, dict[str, str], float]]:
        return [
            (family.name, family.type, family.documentation, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.name.endswith("_created")
        ]

    body, kind = metrics.text()
    assert read(body.decode()) == read(generate_latest(metrics.registry).decode())
    assert kind.startswith("text/plain; version=0.0.4")
