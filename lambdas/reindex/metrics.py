"""Metrics in CloudWatch's embedded metric format: a log line each, no call of an API.

The names are counts unless their unit says otherwise; each has the stage as its dimension.
Failures have the failure's code as a second one.
"""

from __future__ import annotations

from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

#: Where CloudWatch shows the metrics.
NAMESPACE = "ImageReindex"

#: Images that failed, by failure code.
FAILURES = "ImagesFailed"


class EmfMeter:
    """Collects an invocation's metrics; :meth:`flush` writes them.

    Args:
        stage: Which deployment this is.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._metrics = Metrics(namespace=NAMESPACE, service=stage)
        self._empty = True

    def count(self, name: str, value: float = 1) -> None:
        """Add to a count."""
        self._add(name, MetricUnit.Count, value)

    def seconds(self, name: str, value: float) -> None:
        """Note a duration."""
        self._add(name, MetricUnit.Seconds, value)

    def bytes(self, name: str, value: float) -> None:
        """Note a size."""
        self._add(name, MetricUnit.Bytes, value)

    def failures(self, code: str, value: int) -> None:
        """Count images that failed, by failure code."""
        with single_metric(
            name=FAILURES,
            unit=MetricUnit.Count,
            value=value,
            namespace=NAMESPACE,
            default_dimensions={"service": self._stage},
        ) as metric:
            metric.add_dimension("code", code)

    def flush(self) -> None:
        """Write what was collected, if anything was."""
        if not self._empty:
            self._metrics.flush_metrics()
            self._empty = True

    def _add(self, name: str, unit: MetricUnit, value: float) -> None:
        self._metrics.add_metric(name=name, unit=unit, value=value)
        self._empty = False
