"""Permissions of functions that no recorded call needs, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True, slots=True)
class Uncalled:
    """Permissions that are there without a recorded call.

    Attributes:
        functions: A pattern of functions' short names.
        actions: A pattern of actions.
        resources: A pattern of resources.
        reason: Why they are there.
    """

    functions: str
    actions: str
    resources: str
    reason: str

    def covers(self, function: str, action: str, resource: str) -> bool:
        """Return whether a permission is one of these."""
        return (
            fnmatchcase(function, self.functions)
            and fnmatchcase(action, self.actions)
            and fnmatchcase(resource, self.resources)
        )


_LAMBDA: Final = "Lambda calls it, and not the function's code"

UNCALLED: Final = (
    Uncalled("*", "logs:CreateLogStream", "<Functions*Logs>", _LAMBDA),
    Uncalled("*", "logs:PutLogEvents", "<Functions*Logs>", _LAMBDA),
    Uncalled("indexer", "sqs:*", "low-priority queue", _LAMBDA),
    Uncalled("ingest", "sqs:*", "ingest queue", _LAMBDA),
    Uncalled("live-indexer", "sqs:*", "high-priority queue", _LAMBDA),
    Uncalled("follow", "sqs:*", "<IngestCropsQueue>", _LAMBDA),
    Uncalled("notices", "kms:*", "<MonitoringAlarmsKey>", "SNS calls it for who publishes"),
    Uncalled(
        "batch-*",
        "dynamodb:BatchGetItem",
        "progress table",
        "Rows are read again when a worker died over them, or a write was not answered",
    ),
    Uncalled("batch-*", "dynamodb:GetItem", "work list", "To settle a chunk is tried again"),
    Uncalled(
        "batch-*",
        "states:SendTaskFailure",
        "state machine",
        "A phase is given up after hours in which it was held, or its ticks failed",
    ),
    Uncalled(
        "batch-index",
        "s3:PutObject",
        "run bucket: claims/*",
        "The fields that a document preserves are too large for its message",
    ),
    Uncalled(
        "live-indexer", "s3:GetObject", "run bucket: claims/*", "A document is too large to travel"
    ),
    Uncalled(
        "live-indexer",
        "s3:ListBucket",
        "run bucket",
        "Without it a claim check that is gone answers 403",
    ),
    Uncalled(
        "indexer", "dynamodb:PutItem", "work list", "The cluster refuses a document for a while"
    ),
    Uncalled(
        "indexer",
        "s3:PutObject",
        "run bucket: work/*",
        "The cluster refuses a document for a while",
    ),
    Uncalled(
        "ingest",
        "s3:DeleteObject",
        "failed bucket: *",
        "A file that an earlier delivery kept as failed is processed after all",
    ),
    Uncalled(
        "ingest",
        "s3:ListBucketVersions",
        "ingest bucket",
        "Without it a version that is gone may answer 403",
    ),
    Uncalled("tally", "dynamodb:BatchWriteItem", "work list", "Only long lists are put in order"),
    Uncalled("tally", "s3:GetObject", "run bucket: work/*", "Only long lists are put in order"),
    Uncalled("tally", "s3:*", "run bucket: order/*", "Only long lists are put in order"),
)

#: Verbs that the walk does not call, each with its reason.
UNWALKED: Final = {
    "desk": "It serves a page until it is interrupted; the page shows what other verbs show",
}
