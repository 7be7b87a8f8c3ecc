"""The value of every environment variable of one stage."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from aws_cdk import ArnFormat, Stack

from cdk.bundling import LIBRARY_MAPPING
from cdk.ingest import IngestLane
from cdk.names import PHASES, Names
from cdk.stage_resources import StageResources
from cdk.stage_settings import IngestSettings, OtherClusterSettings, StageSettings
from cdk.stage_values import loader_pace, texts, tuned
from reindex.settings import FUNCTION, LOADER, OWN, LibrarySettings


def environment(resources: StageResources) -> dict[str, str]:
    """Values by variable; a setting without a value is absent."""
    stack, settings, lane = resources.stack, resources.settings, resources.lane
    tables, queue = resources.tables, resources.queue
    names = Names(settings.stage)
    values = {
        **tuned(settings),
        **_unusual(resources.library),
        "live_queue_url": _live_queue(settings, lane),
        "stage": settings.stage,
        "production": settings.production or None,
        "elasticsearch_url": settings.elasticsearch_url,
        "index_alias": settings.index_alias,
        "indexer_concurrency": settings.indexer_concurrency,
        "indexer_batch_size": settings.indexer_batch_size,
        "elasticsearch_secret": settings.elasticsearch_secret,
        "index_engine": settings.index.engine,
        "index_domain": settings.index.domain,
        "progress_table": tables.progress.table_name,
        "work_table": tables.work.table_name,
        "runs_table": tables.runs.table_name,
        "run_bucket": resources.bucket.bucket.bucket_name,
        "reingest_queue_url": queue.queue.queue_url,
        "dead_letter_queue_url": queue.dead_letters.queue_url,
        "tag_names": settings.projection.tag_names,
        "projection_function": names.function("image_projection"),
        **_other_cluster(settings.index.other_cluster),
        **_projection(settings),
        **{f"{phase}_rule": names.rule(phase) for phase in PHASES},
        "catch_up_rule": names.catch_up,
        **_notices(stack, settings),
        **{
            variable: stack.format_arn(
                service="states",
                resource="stateMachine",
                resource_name=name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for variable, name in (
                ("state_machine_arn", names.state_machine),
                ("audit_machine_arn", names.audit_machine),
            )
        },
    }
    return texts(values | (_ingest(settings.ingest, lane) if settings.ingest and lane else {}))


def _other_cluster(other: OtherClusterSettings | None) -> dict[str, Any]:
    """Return the settings of the other cluster."""
    return {f"other_{name}": value for name, value in asdict(other).items()} if other else {}


def _notices(stack: Stack, settings: StageSettings) -> dict[str, Any]:
    """Return the destinations of notices."""
    topic = stack.format_arn(service="sns", resource=Names(settings.stage).alarm_topic)
    return {"notice_topic": topic, "notice_webhook": settings.notice_webhook}


def _ingest(ingest: IngestSettings, lane: IngestLane) -> dict[str, Any]:
    """Return the settings of the live lane."""
    return {
        "ingest_bucket": lane.ingest.bucket_name,
        "failed_bucket": lane.failed.bucket_name,
        "public_bucket": lane.public.bucket_name,
        "submissions_table": lane.submissions.table_name,
        "ingest_queue_url": lane.ingest_queue.queue_url,
        "high_priority_queue_url": lane.high_priority.queue_url,
        "ingest_dead_letter_queue_url": lane.dead_letters.queue_url,
        "max_megabytes": ingest.max_megabytes,
        "follow_window_seconds": ingest.follow.window_seconds if ingest.follow else None,
    }


def _live_queue(settings: StageSettings, lane: IngestLane | None) -> str | None:
    """Return the queue whose depth throttles a run: the stage's choice, else the live lane's."""
    named: str | None = tuned(settings)["live_queue_url"]
    return named or (lane.high_priority.queue_url if lane else None)


def _projection(settings: StageSettings) -> dict[str, Any]:
    """Return the settings of who builds the documents."""
    projection = settings.projection
    values: dict[str, Any] = {
        "projection_by": OWN,
        "own_documents": True,
        "processors": projection.processors or None,
        "rights": projection.rights,
        "document_mapping": LIBRARY_MAPPING if projection.mapping else None,
    }
    if projection.function:
        values |= {
            "projection_function": projection.function,
            "projection_by": FUNCTION,
            "own_documents": False,
        }
    if loader := projection.loader:
        calls, requests = loader_pace(settings)
        values |= {
            "projection_by": LOADER,
            "own_documents": not loader.whole,
            "projection_concurrency": calls,
            "loader_url": loader.url,
            "loader_header": loader.header,
            "loader_secret": loader.secret,
            "loader_requests": requests,
            "loader_timeout_seconds": loader.timeout_seconds,
            "loader_whole": loader.whole,
        }
    return values


def _unusual(library: LibrarySettings) -> dict[str, object]:
    """Return the library's settings without those that are as the defaults: variables share 4 KB.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    return {
        field.name: value
        for field in fields(library)
        if (value := getattr(library, field.name)) != field.default
    }
