"""Metrics in CloudWatch's embedded metric format: log lines, not API calls.

The names are counts unless their unit says otherwise; each has the stage as its dimension.
Failures are counted a second time by their code. An alarm cannot watch a sum over all codes, so it
needs the first count.
"""

from __future__ import annotations

from threading import Lock

from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

#: The metrics' namespace in CloudWatch.
NAMESPACE = "ImageReindex"

#: Images that failed, by failure code.
FAILURES = "ImagesFailed"


class EmfMeter:
    """Collects an invocation's metrics, from any thread; :meth:`flush` writes them.

    Args:
        stage: Which deployment this is.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._metrics = Metrics(namespace=NAMESPACE, service=stage)
        self._empty = True
        # powertools writes a line whenever a metric has a hundred values, and misses that
        # moment, or loses values, when threads add at once.
        self._lock = Lock()

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
        """Count images that failed, together and by failure code."""
        self.count(FAILURES, value)
        with (
            self._lock,
            single_metric(
                name=FAILURES,
                unit=MetricUnit.Count,
                value=value,
                namespace=NAMESPACE,
                default_dimensions={"service": self._stage},
            ) as metric,
        ):
            metric.add_dimension("code", code)

    def flush(self) -> None:
        """Write what was collected, if anything was."""
        with self._lock:
            if not self._empty:
                self._metrics.flush_metrics()
                self._empty = True

    def _add(self, name: str, unit: MetricUnit, value: float) -> None:
        with self._lock:
            self._metrics.add_metric(name=name, unit=unit, value=value)
            self._empty = False


class SilentMeter(EmfMeter):
    """Counts nothing: a metric is a line on stdout, which is the command's for its results."""

    def failures(self, code: str, value: int) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def _add(self, name: str, unit: MetricUnit, value: float) -> None:
        """Do nothing."""
