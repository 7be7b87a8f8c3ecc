"""The dashboard's row of the live lane."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.ingest import IngestLane
from cdk.measures import MINUTE, Watched
from cdk.widgets import QUARTER, graph

_SUBMISSIONS = {
    "SubmissionsProcessed": "processed",
    "SubmissionsFailed": "failed",
    "SubmissionsReturned": "returned to the queue",
    "ArchiveConflicts": "archive conflicts",
}

_INDEXED = {
    "LiveImagesIndexed": "indexed",
    "LiveImagesFailed": "failed",
    "LiveMessagesReturned": "messages returned",
    "ChangesFollowed": "changes followed",
    "ChangesUnreadable": "changes of no image",
}


def lane_row(watched: Watched, lane: IngestLane) -> list[cloudwatch.IWidget]:
    """Submissions, their way into the index, how long it takes, and what waits."""
    queues = {
        "submissions": lane.ingest_queue,
        "images to index": lane.high_priority,
        "dead letters": lane.dead_letters,
    }
    outcomes: list[cloudwatch.IWidget] = [
        graph(
            f"Live lane: {title}",
            [watched.own(name, "Sum", label=label) for name, label in names.items()],
            stacked=True,
            width=QUARTER,
        )
        for title, names in (("submissions", _SUBMISSIONS), ("images", _INDEXED))
    ]
    return [
        *outcomes,
        graph(
            "Live lane: seconds from submission to searchable",
            [watched.own("SecondsToSearchable", each, label=each) for each in ("p50", "p95")],
            width=QUARTER,
        ),
        graph(
            "Live lane: messages that wait (right: seconds, the oldest)",
            [
                queue.metric_approximate_number_of_messages_visible(
                    statistic="Maximum", period=MINUTE, label=label
                )
                for label, queue in queues.items()
            ],
            right=[
                queue.metric_approximate_age_of_oldest_message(
                    statistic="Maximum", period=MINUTE, label=f"oldest of {label}"
                )
                for label, queue in queues.items()
                if queue is not lane.dead_letters
            ],
            width=QUARTER,
        ),
    ]
