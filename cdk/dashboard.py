"""The dashboard: how far, how fast, what failed, what holds it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.alarms import STALLED_SECONDS
from cdk.costs import costs
from cdk.lane_widgets import lane_row
from cdk.measures import MINUTE, NAMESPACE, Watched, identified, total
from cdk.widgets import HALF, HEIGHT, QUARTER, THIRD, WHOLE, graph
from reindex.reports.prices import REGION

#: Sections of the runbook that one looks for from here, beside those of the alarms.
_SECTIONS = {
    "Held by a gate": "held-by-a-gate",
    "A phase fell silent": "a-phase-fell-silent",
    "States of an image": "states-of-an-image",
    "Deploying during a run": "deploying-during-a-run",
}

#: The metrics of finished images of the source, of the two phases and of the indexer.
_PROGRESS = {
    "ImagesGathered": "gathered",
    "ImagesProjected": "projected",
    "ImagesEnqueued": "enqueued",
    "ImagesIndexed": "indexed",
    "ImagesVerified": "verified",
}

_INDEXER = {
    "ImagesIndexed": "written",
    "ImagesSuperseded": "superseded",
    "ImagesRefused": "refused",
    "WritesUnavailable": "index busy",
    "MessagesReturned": "messages returned",
    "MessagesUnreadable": "messages unreadable",
    "MessagesForGoneIndex": "messages for an index that is gone",
}

_CHECK = {
    "ImagesVerified": "verified",
    "ImagesUnchanged": "unchanged",
    "ImagesQueued": "sent back",
    "ImagesInconsistent": "inconsistent",
    "ImagesNotFound": "not found",
}

_DEATHS = {
    "ProjectionDeaths": "projections that died",
    "ImagesLeftByDeadWorkers": "images left by dead workers",
    "RowsUnreadable": "rows that cannot be read",
    "ChunksUnreadable": "chunks that cannot be read",
}


class Dashboard(Construct):
    """One dashboard per stage, its rows in the order of an operator's questions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        watched: Watched,
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        self._watched = watched
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=watched.names.stack,
            default_interval=Duration.hours(12),
            widgets=[
                [self._guide(), *_status(alarms)],
                [self._so_far()],
                [self._progress(), self._rates(), self._durations()],
                [self._failures(), self._outcomes("Check", _CHECK), self._deaths()],
                [self._without_progress(), self._gates()],
                [self._backlog(), self._age(), self._outcomes("Indexer", _INDEXER)],
                [self._bulks(), self._bulk_seconds(), self._pace()],
                [self._latency(), self._bytes(), self._units()],
                *([lane_row(watched, watched.lane)] if watched.lane else []),
                self._functions(),
                [self._cost_so_far(), self._cost()],
                [self._errors()],
            ],
        )

    def _guide(self) -> cloudwatch.TextWidget:
        runbook = self._watched.settings.runbook
        links = " · ".join(f"[{title}]({runbook}#{at})" for title, at in _SECTIONS.items())
        return cloudwatch.TextWidget(
            markdown=f"# {self._watched.names.stack}\n"
            "Sums are of the time range shown: let it begin with the run. "
            "`reindex status` says the same of the run alone.\n\n"
            f"[Runbook]({runbook}) · {links}",
            width=HALF,
            height=4,
        )

    def _so_far(self) -> cloudwatch.SingleValueWidget:
        return cloudwatch.SingleValueWidget(
            title="So far, in the time range shown",
            metrics=[
                self._watched.own("ImagesInRun", "Maximum", label="in the run"),
                *self._sums(_PROGRESS),
                self._watched.own("ImagesFailed", "Sum", label="failures"),
                self._watched.own("RunsSucceeded", "Sum", label="runs succeeded"),
                self._watched.own("RunsFailed", "Sum", label="runs failed"),
                self._watched.own("MigrationLag", "Minimum", label="migration: documents behind"),
                self._watched.own("MigrationsHeld", "Sum", label="migrations held"),
            ],
            set_period_to_time_range=True,
            width=WHOLE,
            height=4,
        )

    def _progress(self) -> cloudwatch.GraphWidget:
        return graph(
            "How far: images, running sum",
            [
                self._watched.own("ImagesInRun", "Maximum", label="in the run"),
                *(
                    _expression(f"RUNNING_SUM({_id(name)})", {_id(name): metric}, label)
                    for name, label, metric in self._labelled(_PROGRESS)
                ),
            ],
        )

    def _rates(self) -> cloudwatch.GraphWidget:
        return graph(
            "How fast: images per second",
            [
                _per_second(_id(name), metric, label)
                for name, label, metric in self._labelled(_PROGRESS)
            ],
        )

    def _durations(self) -> cloudwatch.GraphWidget:
        """Draw nothing where no time can be promised: a value of before would be untrue."""
        return graph(
            "How long: seconds left (a gap: none can be promised), percent done",
            [self._watched.own("SecondsLeft", "Minimum", label="seconds left")],
            right=[self._watched.own("PercentDone", "Maximum", label="percent of the work done")],
        )

    def _failures(self) -> cloudwatch.GraphWidget:
        search = (
            f'SEARCH(\'{{{NAMESPACE},code,service}} MetricName="ImagesFailed" '
            f"service=\"{self._watched.settings.stage}\"', 'Sum', 60)"
        )
        by_code = cloudwatch.MathExpression(
            expression=search, using_metrics={}, label="${PROP('Dim.code')}", period=MINUTE
        )
        return graph("What failed: images by code", [by_code], stacked=True)

    def _outcomes(self, whose: str, names: Mapping[str, str]) -> cloudwatch.GraphWidget:
        return graph(f"{whose}: what became of it", self._sums(names), stacked=True)

    def _deaths(self) -> cloudwatch.GraphWidget:
        return graph("Deaths and claim checks", self._sums({**_DEATHS, "ClaimChecks": "large"}))

    def _without_progress(self) -> cloudwatch.GraphWidget:
        return graph(
            "What holds it: seconds without progress",
            [self._watched.own("SecondsWithoutProgress", "Maximum", label="seconds")],
            limit=cloudwatch.HorizontalAnnotation(value=STALLED_SECONDS, label="stalled"),
            width=HALF,
        )

    def _gates(self) -> cloudwatch.LogQueryWidget:
        return self._log(
            "What holds it: gates, the latest first (none: it was let go)",
            ["batch_index", "batch_check"],
            ["fields @timestamp, held_by", 'filter message = "gate"'],
        )

    def _bulks(self) -> cloudwatch.GraphWidget:
        return graph(
            "Bulks: how many may go on side by side",
            [self._watched.own("IndexerConcurrency", "Maximum", label="side by side")],
        )

    def _bulk_seconds(self) -> cloudwatch.GraphWidget:
        name = "BulkSecondsPerDocument"
        return graph(
            "Bulks: seconds for each document",
            [self._watched.own(name, statistic, label=statistic) for statistic in ("p50", "p99")],
        )

    def _pace(self) -> cloudwatch.LogQueryWidget:
        return self._log(
            "What sets the number of bulks, the latest first",
            ["batch_index", "batch_check"],
            ["fields @timestamp, concurrency, set_by", 'filter message = "pace"'],
            width=THIRD,
        )

    def _backlog(self) -> cloudwatch.GraphWidget:
        queue, dead_letters = self._watched.queue.queue, self._watched.queue.dead_letters
        shown = {
            queue.metric_approximate_number_of_messages_visible: "visible",
            queue.metric_approximate_number_of_messages_not_visible: "in flight",
            queue.metric_approximate_number_of_messages_delayed: "delayed",
            dead_letters.metric_approximate_number_of_messages_visible: "dead letters",
        }
        return graph(
            "Backlog: messages",
            [
                *(
                    metric(statistic="Maximum", period=MINUTE, label=label)
                    for metric, label in shown.items()
                ),
                self._watched.own("Backlog", "Maximum", label="as the ticks read it"),
            ],
        )

    def _age(self) -> cloudwatch.GraphWidget:
        return graph(
            "Oldest message: seconds",
            [
                self._watched.queue.queue.metric_approximate_age_of_oldest_message(
                    statistic="Maximum", period=MINUTE, label="oldest"
                )
            ],
        )

    def _latency(self) -> cloudwatch.GraphWidget:
        return graph(
            "Projection of a batch: seconds",
            [
                self._watched.own("ProjectionLatency", statistic, label=statistic)
                for statistic in ("p50", "p99")
            ]
            + [
                # There are none unless the library has an image loader.
                self._watched.own("LoaderSeconds", statistic, label=f"image loader, {statistic}")
                for statistic in ("p50", "p99")
            ],
        )

    def _bytes(self) -> cloudwatch.GraphWidget:
        read = self._watched.own("OriginalBytesRead", "Sum")
        return graph(
            "Originals: bytes read",
            [
                self._watched.own("BytesReadPerImage", statistic, label=f"per image, {statistic}")
                for statistic in ("p50", "p99")
            ],
            right=[_per_second("bytes_read", read, "per second")],
        )

    def _units(self) -> cloudwatch.GraphWidget:
        written = identified("written", self._watched.units_written())
        read = identified("read", self._watched.units_read())
        return graph(
            "DynamoDB: units per second",
            [
                *(
                    _per_second(identifier, metric, identifier.replace("_", " "))
                    for identifier, metric in {**written, **read}.items()
                )
            ],
            stacked=True,
        )

    def _functions(self) -> list[cloudwatch.GraphWidget]:
        return [
            graph(
                f"Functions: {title}",
                self._watched.of_each_function(name, statistic).values(),
                width=QUARTER,
            )
            for title, name, statistic in (
                ("errors", "Errors", "Sum"),
                ("throttles", "Throttles", "Sum"),
                ("duration in ms, p99", "Duration", "p99"),
                ("running at once", "ConcurrentExecutions", "Maximum"),
            )
        ]

    def _cost_so_far(self) -> cloudwatch.SingleValueWidget:
        return cloudwatch.SingleValueWidget(
            title=f"Cost in the time range shown: an estimate, USD, list prices of {REGION}",
            metrics=[self._all_costs(), *self._costs().values()],
            set_period_to_time_range=True,
            full_precision=False,
            width=HALF,
            height=HEIGHT,
        )

    def _cost(self) -> cloudwatch.GraphWidget:
        return graph(
            "Cost so far: an estimate, USD, running sum",
            [
                _expression(f"RUNNING_SUM({identifier})", {identifier: cost}, cost.label or "")
                for identifier, cost in self._costs().items()
            ],
            stacked=True,
            width=HALF,
        )

    def _all_costs(self) -> cloudwatch.MathExpression:
        return total(self._costs(), label="all")

    def _costs(self) -> dict[str, cloudwatch.MathExpression]:
        return costs(self._watched)

    def _errors(self) -> cloudwatch.LogQueryWidget:
        return self._log(
            "Errors in the functions' logs, the latest first",
            [*self._watched.functions],
            ["fields @timestamp, service, message, exception_name", 'filter level = "ERROR"'],
            width=WHOLE,
        )

    def _log(
        self, title: str, functions: Iterable[str], query: Sequence[str], *, width: int = HALF
    ) -> cloudwatch.LogQueryWidget:
        return cloudwatch.LogQueryWidget(
            title=title,
            log_group_names=[f"/aws/lambda/{self._watched.names.function(f)}" for f in functions],
            query_lines=[*query, "sort @timestamp desc", "limit 20"],
            view=cloudwatch.LogQueryVisualizationType.TABLE,
            width=width,
            height=HEIGHT,
        )

    def _sums(self, names: Mapping[str, str]) -> list[cloudwatch.Metric]:
        return [metric for _, _, metric in self._labelled(names)]

    def _labelled(self, names: Mapping[str, str]) -> list[tuple[str, str, cloudwatch.Metric]]:
        return [
            (name, label, self._watched.own(name, "Sum", label=label))
            for name, label in names.items()
        ]


def _status(alarms: Sequence[cloudwatch.IAlarm]) -> list[cloudwatch.IWidget]:
    """Which alarms ring; nothing, for a stage without any."""
    if not alarms:
        return []
    return [cloudwatch.AlarmStatusWidget(alarms=[*alarms], width=HALF, height=4)]


def _id(name: str) -> str:
    """Return an identifier in expressions: it must begin with a small letter."""
    return name[0].lower() + name[1:]


def _expression(
    expression: str, metrics: Mapping[str, cloudwatch.IMetric], label: str
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=expression, using_metrics={**metrics}, label=label, period=MINUTE
    )


def _per_second(
    identifier: str, metric: cloudwatch.Metric, label: str
) -> cloudwatch.MathExpression:
    return _expression(f"{identifier} / PERIOD({identifier})", {identifier: metric}, label)
