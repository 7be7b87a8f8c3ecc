"""The resources of one stage."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Stack

from cdk.ingest import IngestLane
from cdk.progress_table import ProgressTable
from cdk.reingest_queue import ReingestQueue
from cdk.run_bucket import RunBucket
from cdk.stage_settings import StageSettings
from reindex.settings import LibrarySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResources:
    """The resources that environment variables and permissions name.

    Attributes:
        stack: The stack of the stage.
        settings: Of the stage.
        library: The library's own buckets and tables.
        tables: The product's tables.
        queue: The low-priority queue.
        bucket: The run bucket.
        lane: The live lane; None for a stage without one.
    """

    stack: Stack
    settings: StageSettings
    library: LibrarySettings
    tables: ProgressTable
    queue: ReingestQueue
    bucket: RunBucket
    lane: IngestLane | None
