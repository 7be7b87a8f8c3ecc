"""The product's stack: composes and grants, defines nothing."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from cdk.alarms import STALLED_RUN
from cdk.audit import Audit
from cdk.bundling import Asset
from cdk.catch_up import CatchUp
from cdk.environment import environment
from cdk.functions import (
    INDEXER_MAPPING,
    PHASE_FUNCTIONS,
    Functions,
    depend_on_policy_alone,
    timeout,
)
from cdk.grants import Grants
from cdk.ingest import IngestLane
from cdk.measures import Watched
from cdk.monitoring import Monitoring
from cdk.names import Names
from cdk.network import Endpoints
from cdk.notices import Notices
from cdk.phases import Phases
from cdk.progress_table import ProgressTable
from cdk.reingest_queue import ReingestQueue
from cdk.run_bucket import RunBucket
from cdk.run_schedule import RunSchedule
from cdk.sample_library import sample_library
from cdk.stage_settings import IngestSettings, StageSettings
from cdk.stage_values import functions as of_stage
from cdk.stage_values import phase_rules, secrets
from cdk.workflow import Workflow
from reindex.domain.indexer_pace import START
from reindex.settings import COMMAND, INGEST_COMMAND, variables

#: Images that a live indexer is given at once: one call of the projection, of a few seconds.
LIVE_BATCH = 50

#: Changes that the follow function is given at once.
FOLLOW_BATCH = 500

#: Lambda's longest batching window, in seconds.
_LONGEST_WINDOW = 300


class ReindexStack(Stack):
    """One stage of image-reindex."""

    def __init__(self, scope: Construct, settings: StageSettings, asset: Asset) -> None:
        names = Names(settings.stage)
        super().__init__(
            scope,
            names.stack,
            env=Environment(account=settings.account, region=settings.region),
            description="Rebuilds an image library's search index while the library is live",
        )
        library = settings.library or sample_library(names)
        key = (
            kms.Key.from_key_arn(self, "Key", settings.encryption_key)
            if settings.encryption_key
            else None
        )
        tables = ProgressTable(self, "Tables", disposable=settings.disposable, key=key)
        bucket = RunBucket(self, "Files", disposable=settings.disposable, key=key)
        queue = ReingestQueue(
            self, "Reingest", consumer_timeout=timeout("indexer", settings), key=key
        )
        lane = (
            IngestLane(
                self,
                "Ingest",
                settings=settings,
                crops_bucket=library.crops_bucket,
                timeout=lambda name: timeout(name, settings),
                key=key,
            )
            if settings.ingest
            else None
        )
        grants = Grants(
            stack=self,
            settings=settings,
            library=library,
            tables=tables,
            queue=queue,
            bucket=bucket,
            lane=lane,
        )
        if settings.network and settings.network.endpoints:
            Endpoints(
                self,
                "Endpoints",
                network=settings.network,
                has_secret=bool(secrets(settings)),
            )
        values = environment(grants)
        functions = Functions(self, "Functions", settings=settings, asset=asset, environment=values)
        for name, statements in grants.by_function().items():
            functions.allow(name, *statements)
        feed = event_sources.SqsEventSource(
            queue.queue,
            batch_size=settings.indexer_batch_size,
            max_batching_window=Duration.seconds(settings.indexer_window_seconds),
            max_concurrency=min(START, settings.indexer_concurrency),
            report_batch_item_failures=True,
        )
        functions["indexer"].add_event_source(feed)
        values[INDEXER_MAPPING] = feed.event_source_mapping_id
        for name in PHASE_FUNCTIONS.values():
            functions[name].add_environment(INDEXER_MAPPING, feed.event_source_mapping_id)
            functions.allow(name, grants.pace_indexer(feed.event_source_mapping_arn))
        if settings.ingest and lane:
            _feed_lane(settings.ingest, lane, functions)
        phases = Phases(
            self,
            "Phases",
            names=names,
            functions=functions,
            workers=phase_rules(settings).workers,
        )
        CatchUp(self, "CatchUp", names=names, functions=functions)
        workflow = Workflow(
            self,
            "Workflow",
            settings=settings,
            runs=tables.runs,
            rules=phases.rules,
            functions=functions,
        )
        audit = Audit(self, "Audit", settings=settings, function=functions["audit"])
        if settings.schedule:
            RunSchedule(
                self,
                "Schedule",
                names=names,
                schedule=settings.schedule,
                state_machine=workflow.state_machine,
            )
        watched = Watched(
            settings=settings,
            functions={name: functions[name] for name in of_stage(settings)},
            tables=tables,
            queue=queue,
            state_machine=workflow.state_machine,
            lane=lane,
        )
        alarms = Monitoring(self, "Monitoring", watched=watched, key=key).alarms
        alarms.topic.grant_publish(functions["notices"])
        Notices(
            self,
            "Notices",
            names=names,
            function=functions["notices"],
            state_machine=workflow.state_machine,
            stalled=alarms.by_name.get(STALLED_RUN),
        )
        for user in (*functions, workflow.state_machine, audit.state_machine):
            if key:
                key.grant_encrypt_decrypt(user)
            depend_on_policy_alone(user)
        self._outputs(values)

    def _outputs(self, values: Mapping[str, str]) -> None:
        """Every setting of the ``reindex`` command: PROGRESS_TABLE is output ProgressTable."""
        for name in variables((*COMMAND, *INGEST_COMMAND)):
            if name in values:
                output = "".join(part.capitalize() for part in name.split("_"))
                # Under a scope of their own they may have a construct's name.
                CfnOutput(
                    Construct(self, f"Output{output}"), "Value", value=values[name]
                ).override_logical_id(output)


def _feed_lane(ingest: IngestSettings, lane: IngestLane, functions: Functions) -> None:
    """Let the queues of the live lane feed their functions."""
    functions["ingest"].add_event_source(
        event_sources.SqsEventSource(
            lane.ingest_queue,
            # A file may take all of the function's memory and time.
            batch_size=1,
            max_concurrency=ingest.concurrency,
            report_batch_item_failures=True,
        )
    )
    functions["live_indexer"].add_event_source(
        event_sources.SqsEventSource(
            lane.high_priority,
            batch_size=LIVE_BATCH,
            max_batching_window=Duration.seconds(1),
            max_concurrency=ingest.indexer_concurrency,
            report_batch_item_failures=True,
        )
    )
    if not ingest.follow:
        return
    # Changes of one image in that time are one.
    window = Duration.seconds(max(1, min(ingest.follow.window_seconds, _LONGEST_WINDOW)))
    for number, stream in enumerate(ingest.follow.streams):
        functions["follow"].add_event_source_mapping(
            f"Stream{number}",
            event_source_arn=stream,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=FOLLOW_BATCH,
            max_batching_window=window,
        )
    if lane.crops_queue:
        functions["follow"].add_event_source(
            event_sources.SqsEventSource(
                lane.crops_queue,
                batch_size=FOLLOW_BATCH,
                max_batching_window=window,
            )
        )
