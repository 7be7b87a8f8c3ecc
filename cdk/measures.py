"""The metrics of the dashboard and of the alarms, by their names in CloudWatch.

The functions write their own metrics as log lines (``reindex.metrics``); the services publish the
rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from cdk.ingest import IngestLane
from cdk.names import Names
from cdk.progress_table import ProgressTable
from cdk.reingest_queue import ReingestQueue
from cdk.stage_settings import StageSettings

#: Of the metrics that the functions write.
NAMESPACE = "ImageReindex"

MINUTE = Duration.minutes(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A stage's parts that are measured.

    Attributes:
        functions: By their handlers' modules.
        lane: The live lane; None in a stage without one.
    """

    settings: StageSettings
    functions: Mapping[str, lambda_.IFunction]
    tables: ProgressTable
    queue: ReingestQueue
    state_machine: sfn.IStateMachine
    lane: IngestLane | None

    @property
    def names(self) -> Names:
        """The stage's names."""
        return Names(self.settings.stage)

    def own(
        self, name: str, statistic: str, *, label: str | None = None, period: Duration = MINUTE
    ) -> cloudwatch.Metric:
        """Return a metric that the functions write.

        Args:
            name: As the code gives it.
            statistic: As CloudWatch spells it: ``Sum``, ``Maximum``, ``p99``.
            label: In a legend.
            period: Of one data point.
        """
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            # powertools' name for what tells the writers of a namespace apart: here, stages.
            dimensions_map={"service": self.settings.stage},
            statistic=statistic,
            period=period,
            label=label,
        )

    def of_each_function(
        self, name: str, statistic: str, period: Duration = MINUTE
    ) -> dict[str, cloudwatch.Metric]:
        """Return a metric that Lambda publishes, for every function."""
        return {
            module: function.metric(name, statistic=statistic, period=period, label=module)
            for module, function in self.functions.items()
        }

    def units_written(self, period: Duration = MINUTE) -> dict[str, cloudwatch.Metric]:
        """Write units that DynamoDB billed, by where they went."""
        name = "ConsumedWriteCapacityUnits"
        return {
            "progress table": _of_table(self.tables.progress, name, period, "progress table"),
            "work list": _of_table(self.tables.work, name, period, "work list"),
            "runs table": _of_table(self.tables.runs, name, period, "runs table"),
        }

    def units_read(self, period: Duration = MINUTE) -> dict[str, cloudwatch.Metric]:
        """Read units that DynamoDB billed, by table."""
        name = "ConsumedReadCapacityUnits"
        return {
            "progress table": _of_table(self.tables.progress, name, period, "progress table"),
            "work list": _of_table(self.tables.work, name, period, "work list"),
            "runs table": _of_table(self.tables.runs, name, period, "runs table"),
        }


def _of_table(table: dynamodb.ITable, name: str, period: Duration, label: str) -> cloudwatch.Metric:
    return table.metric(name, statistic="Sum", period=period, label=label)


def total(
    metrics: Mapping[str, cloudwatch.IMetric],
    *,
    label: str,
    scale: float = 1,
    period: Duration = MINUTE,
) -> cloudwatch.MathExpression:
    """Return the sum of metrics, times a factor; one without data counts as zero.

    Args:
        metrics: By the identifiers they get in the expression: letters, digits, underscores.
        label: In a legend.
        scale: The factor.
        period: Of one data point.
    """
    parts = ", ".join(f"FILL({identifier}, 0)" for identifier in metrics)
    # Written out, for metric math knows no exponents.
    times = f" * {scale:.15f}".rstrip("0") if scale != 1 else ""
    return cloudwatch.MathExpression(
        expression=f"SUM([{parts}]){times}",
        using_metrics={**metrics},
        label=label,
        period=period,
    )


def identified(
    prefix: str, metrics: Mapping[str, cloudwatch.Metric]
) -> dict[str, cloudwatch.Metric]:
    """Return metrics by identifiers that are unique in a widget with other kinds of metrics."""
    return {f"{prefix}_{name.replace(' ', '_')}": metric for name, metric in metrics.items()}
