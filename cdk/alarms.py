"""The alarms, and the topic that they notify."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk.ingest import IngestLane
from cdk.measures import Watched, identified, total
from cdk.stage_settings import IngestSettings

#: The alarm that a notice explains.
STALLED_RUN = "stalled-run"

#: A phase in which nothing moves for so long stalls.
STALLED_SECONDS = 30 * 60

#: Messages wait this long only if the indexer or the cluster behind it cannot follow.
OLD_MESSAGE_SECONDS = 60 * 60

#: Below so many images in an hour a ratio says nothing.
LEAST_IMAGES = 100

#: Below so many submissions in an hour a share says nothing.
LEAST_SUBMISSIONS = 20

#: The projection dies of a bad image a few times, until it is projected alone: a share is normal.
PROJECTION_ERROR_PERCENT = 10
LEAST_PROJECTIONS = 50

_SHORT = Duration.minutes(5)
_OF_THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
_CLOUDWATCH = iam.ServicePrincipal("cloudwatch.amazonaws.com")


@dataclass(frozen=True, slots=True)
class _Alarm:
    """An alarm.

    Attributes:
        name: Of the alarm, and of its section in the runbook.
        means: A description for the person on call.
        metric: That the alarm watches.
        threshold: From here on it alarms.
        periods: In so many periods in a row.
    """

    name: str
    means: str
    metric: cloudwatch.IMetric
    threshold: float = 1
    periods: int = 1


class Alarms(Construct):
    """Every alarm of a stage, and the topic that people subscribe to.

    Attributes:
        topic: Where alarms and notices go.
        by_name: The alarms, each by its section's name in the runbook; none in a stage that wants
            none.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, watched: Watched, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self._watched = watched
        self.topic = self._topic(key)
        wanted = self._all() if watched.settings.alarms else ()
        self.by_name = {alarm.name: self._alarm(alarm) for alarm in wanted}

    def _all(self) -> Iterator[_Alarm]:
        watched = self._watched
        dead_letters = watched.queue.dead_letters
        yield _Alarm(
            STALLED_RUN,
            f"A run is open and not paused, and has made no progress for {STALLED_SECONDS // 60} "
            "minutes. 'reindex status' names the gate that holds it.",
            watched.own("SecondsWithoutProgress", "Maximum", period=_SHORT),
            STALLED_SECONDS,
        )
        yield _Alarm(
            "failed-run",
            "A run failed: 'reindex report', or the execution's cause, says why. Nothing is "
            "lost: the next start goes on where it stopped.",
            total(
                {
                    "failed": watched.state_machine.metric_failed(period=_SHORT),
                    "timed_out": watched.state_machine.metric_timed_out(period=_SHORT),
                },
                label="runs that failed",
                period=_SHORT,
            ),
        )
        yield _Alarm(
            "held-migration",
            "Three rounds of a migration failed in a row, so that no more are started. 'reindex "
            "migrate status' says why; 'reindex migrate resume' lets it go on.",
            watched.own("MigrationsHeld", "Sum", period=_SHORT),
        )
        yield _Alarm(
            "dead-letters",
            "The dead-letter queue is not empty: the indexer could not read a message, or gave "
            "one up after many tries. 'reindex dlq' groups them by reason.",
            dead_letters.metric_approximate_number_of_messages_visible(
                period=_SHORT, statistic="Maximum"
            ),
        )
        yield _Alarm(
            "failing-images",
            f"Over {watched.settings.alarm_failure_percent} % of an hour's images failed. The "
            "dashboard shows them by code; docs/failures.md says what to do about each code.",
            self._failure_percent(),
            watched.settings.alarm_failure_percent,
        )
        yield _Alarm(
            "old-messages",
            f"A message has waited for over {OLD_MESSAGE_SECONDS // 60} minutes: the indexer, "
            "or the cluster behind it, does not follow.",
            watched.queue.queue.metric_approximate_age_of_oldest_message(
                period=_SHORT, statistic="Maximum"
            ),
            OLD_MESSAGE_SECONDS,
            periods=3,
        )
        yield _Alarm(
            "function-errors",
            "A function has failed again and again for 15 minutes. A single failure is retried; "
            "these do not.",
            total(
                identified("errors", self._of_functions("Errors", but={"image_projection"})),
                label="errors",
                period=_SHORT,
            ),
            periods=3,
        )
        yield _Alarm(
            "projection-errors",
            f"Over {PROJECTION_ERROR_PERCENT} % of the projections died: more than bad images "
            "explain.",
            self._projection_error_percent(),
            PROJECTION_ERROR_PERCENT,
            periods=3,
        )
        yield _Alarm(
            "throttles",
            "Functions have been throttled for 15 minutes: the account's concurrency, which the "
            "live library may share, or a reserved one is used up.",
            total(
                identified("throttles", self._of_functions("Throttles")),
                label="throttles",
                period=_SHORT,
            ),
            periods=3,
        )

        if watched.lane and watched.settings.ingest:
            yield from self._of_lane(watched.lane, watched.settings.ingest)

    def _of_lane(self, lane: IngestLane, ingest: IngestSettings) -> Iterator[_Alarm]:
        """Yield the alarms of the live lane."""
        yield _Alarm(
            "not-searchable",
            f"A submitted file has waited for over {ingest.searchable_minutes} minutes and is not "
            "searchable: its function, the index, or a bucket does not follow.",
            cloudwatch.MathExpression(
                expression="MAX([FILL(submitted, 0), FILL(archived, 0)])",
                using_metrics={
                    name: queue.metric_approximate_age_of_oldest_message(
                        period=_SHORT, statistic="Maximum"
                    )
                    for name, queue in (
                        ("submitted", lane.ingest_queue),
                        ("archived", lane.high_priority),
                    )
                },
                label="seconds",
                period=_SHORT,
            ),
            60 * ingest.searchable_minutes,
        )
        yield _Alarm(
            "failing-submissions",
            f"Over {self._watched.settings.alarm_failure_percent} % of an hour's submissions "
            "failed. 'reindex submissions --failed' says why.",
            _percent(
                self._watched.own("SubmissionsFailed", "Sum", period=Duration.hours(1)),
                self._watched.own("SubmissionsProcessed", "Sum", period=Duration.hours(1)),
                whole="FILL(part, 0) + FILL(rest, 0)",
                least=LEAST_SUBMISSIONS,
                label="% of submissions failed",
                period=Duration.hours(1),
            ),
            self._watched.settings.alarm_failure_percent,
        )
        yield _Alarm(
            "archive-conflict",
            "A file was submitted whose id the archive has with other bytes. The original was not "
            "overwritten; the file is in the failed bucket.",
            self._watched.own("ArchiveConflicts", "Sum", period=_SHORT),
        )
        yield _Alarm(
            "ingest-dead-letters",
            "The live lane's dead-letter queue is not empty: a message could not be read, or came "
            "back for ten days.",
            lane.dead_letters.metric_approximate_number_of_messages_visible(
                period=_SHORT, statistic="Maximum"
            ),
        )

    def _of_functions(
        self, name: str, *, but: Collection[str] = ()
    ) -> dict[str, cloudwatch.Metric]:
        """Return a metric of each function.

        Without the audit's: its failure ends the audit, and the command reports that.
        """
        found = self._watched.of_each_function(name, "Sum", _SHORT)
        # An alarm takes ten metrics; one about notices would repeat what an alarm said before.
        left_out = {"audit", "notices", *but}
        return {module: metric for module, metric in found.items() if module not in left_out}

    def _failure_percent(self) -> cloudwatch.MathExpression:
        hour = Duration.hours(1)
        return _percent(
            self._watched.own("ImagesFailed", "Sum", period=hour),
            # Of what was projected, for an image that is unchanged is never enqueued.
            self._watched.own("ImagesProjected", "Sum", period=hour),
            whole="FILL(part, 0) + FILL(rest, 0)",
            least=LEAST_IMAGES,
            label="% of images failed",
            period=hour,
        )

    def _projection_error_percent(self) -> cloudwatch.MathExpression:
        projection = self._watched.functions["image_projection"]
        return _percent(
            projection.metric_errors(period=_SHORT),
            projection.metric_invocations(period=_SHORT),
            whole="FILL(rest, 0)",
            least=LEAST_PROJECTIONS,
            label="% of projections died",
            period=_SHORT,
        )

    def _alarm(self, alarm: _Alarm) -> cloudwatch.Alarm:
        settings = self._watched.settings
        made = cloudwatch.Alarm(
            self,
            "".join(part.capitalize() for part in alarm.name.split("-")),
            alarm_name=self._watched.names.alarm(alarm.name),
            alarm_description=f"{alarm.means} What to do: {settings.runbook}#{alarm.name}",
            metric=alarm.metric,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Most of the time no run is open, and nothing is measured.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        made.add_alarm_action(actions.SnsAction(self.topic))
        return made

    def _topic(self, key: kms.IKey | None) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=self._watched.names.alarm_topic,
            master_key=key or self._topic_key(),
            enforce_ssl=True,
        )
        # A policy of its own takes the place of the one that lets the account's alarms in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[_CLOUDWATCH],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    **_OF_THIS_ACCOUNT,
                    "ArnLike": {
                        "aws:SourceArn": Stack.of(self).format_arn(
                            service="cloudwatch",
                            resource="alarm",
                            resource_name=self._watched.names.alarm("*"),
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    },
                },
            )
        )
        for address in self._watched.settings.alarm_subscribers:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic

    def _topic_key(self) -> kms.Key:
        # A key of our own: alarms may not use SNS's default key, and CloudWatch does not report an
        # alarm that cannot publish.
        key = kms.Key(
            self,
            "Key",
            description=f"Alarms of {self._watched.names.stack}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[_CLOUDWATCH],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=_OF_THIS_ACCOUNT,
            )
        )
        return key


def _percent(
    part: cloudwatch.Metric,
    rest: cloudwatch.Metric,
    *,
    whole: str,
    least: int,
    label: str,
    period: Duration,
) -> cloudwatch.MathExpression:
    """Return the share of ``part`` in ``whole``, in percent; 0 while ``whole`` is too small."""
    return cloudwatch.MathExpression(
        expression=f"IF({whole} >= {least}, 100 * FILL(part, 0) / ({whole}), 0)",
        using_metrics={"part": part, "rest": rest},
        label=label,
        period=period,
    )
