"""What must hold of the live lane when a chaos run has settled; each violation is one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from reindex.domain.failures import SubmissionDied
from reindex.domain.submissions import MAX_ATTEMPTS, SubmissionRow, SubmissionState
from reindex.settings import Ingest, LibrarySettings
from reindex.stores.submitted_files import REASON_SUFFIX
from tests.chaos.submitters import SubmittedFile
from tests.chaos.verdict import shown
from tests.local.fill import original_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: The renditions of every image that are in the public bucket.
_PUBLIC: Final = ("screen", "screen-webp")


@dataclass(frozen=True)
class LaneScene:
    """All there is to look at.

    Attributes:
        s3: Client of the local cloud.
        lane: Names of the lane's buckets.
        library: Names of the library's buckets.
        sent: What was submitted.
        rows: The submissions table.
        workbenches: Names of the temporary folders that are left.
        depths: Messages on the lane's queues.
    """

    s3: S3Client
    lane: Ingest
    library: LibrarySettings
    sent: Sequence[SubmittedFile]
    rows: Sequence[SubmissionRow]
    workbenches: Sequence[str]
    depths: Mapping[str, int]


def violations(scene: LaneScene) -> list[str]:
    """Return everything that is not as it must be whenever the lane has nothing to do."""
    return [
        *shown("submissions and rows differ", list(_unbalanced(scene))),
        *shown("submission not at its end", list(_unfinished(scene))),
        *shown("failed without its bytes and its reason", list(_lost(scene))),
        *shown("published image incomplete", list(_incomplete(scene))),
        *shown("left behind", list(_left(scene))),
    ]


def died_without_cause(rows: Sequence[SubmissionRow]) -> list[str]:
    """Return the submissions that were given up before they were begun three times."""
    died = [row for row in rows if row.failure and row.failure.code == SubmissionDied.code]
    return [
        f"given up after {row.attempts} attempts: {row.ref.key}"
        for row in died
        if row.attempts < MAX_ATTEMPTS
    ]


def unpublished(scene: LaneScene) -> list[str]:
    """Return the images that are not published, and other files that are no failure."""
    done = Counter(r.image_id or "" for r in scene.rows if r.state is SubmissionState.PROCESSED)
    images = Counter(file.image_id for file in scene.sent if file.is_image)
    failed = sum(row.state is SubmissionState.FAILED for row in scene.rows)
    others = sum(not file.is_image for file in scene.sent)
    return [
        *shown("images processed and submitted differ", [str(each) for each in (images - done)]),
        *([] if failed == others else [f"{failed} failed, and {others} were no images"]),
    ]


def _unbalanced(scene: LaneScene) -> Iterator[str]:
    """One row for each submission, even if it was delivered twice or resubmitted."""
    sent = Counter(file.key for file in scene.sent)
    rows = Counter(row.ref.key for row in scene.rows)
    for key in sorted(sent.keys() | rows.keys()):
        if sent[key] != rows[key]:
            yield f"{key}: submitted {sent[key]} times, {rows[key]} rows"


def _unfinished(scene: LaneScene) -> Iterator[str]:
    for row in scene.rows:
        if not row.state.is_final:
            yield f"{row.ref.key}: {row.state.value}"
        elif row.state is SubmissionState.PROCESSED and not row.searchable_at:
            yield f"{row.ref.key}: processed, and not searchable"


def _lost(scene: LaneScene) -> Iterator[str]:
    contents = {(file.key, file.content) for file in scene.sent}
    for row in scene.rows:
        if row.state is not SubmissionState.FAILED:
            continue
        kept = row.failed_key and _read(scene, scene.lane.failed_bucket, row.failed_key)
        if not (row.failure and kept):
            yield f"{row.ref.key}: {row.failure}, kept at {row.failed_key}"
        elif (row.ref.key, kept) not in contents:
            yield f"{row.ref.key}: other bytes than were submitted"
        elif not _read(scene, scene.lane.failed_bucket, f"{row.failed_key}{REASON_SUFFIX}"):
            yield f"{row.ref.key}: no reason beside it"


def _incomplete(scene: LaneScene) -> Iterator[str]:
    images = {file.image_id: file for file in scene.sent}
    assert scene.library.thumbnails_bucket
    for image_id in {row.image_id for row in scene.rows if row.searchable_at and row.image_id}:
        key = original_key(image_id)
        file = images.get(image_id)
        if file is None or _read(scene, scene.library.originals_bucket, key) != file.content:
            yield f"{image_id}: the archive does not have what was submitted"
            continue
        places = [
            (scene.library.thumbnails_bucket, key),
            *((scene.lane.public_bucket, f"{kind}/{key}") for kind in _PUBLIC),
        ]
        yield from (f"{image_id}: no {b}/{k}" for b, k in places if not _read(scene, b, k))
        searchable = {r.ref.key for r in scene.rows if r.searchable_at and r.image_id == image_id}
        stored = scene.s3.head_object(Bucket=scene.library.originals_bucket, Key=key)["Metadata"]
        for other in scene.sent:
            wanted = other.image_id == image_id and other.key in searchable
            if wanted and not other.metadata.items() <= stored.items():
                yield f"{image_id}: lacks {other.metadata}"


def _left(scene: LaneScene) -> Iterator[str]:
    versions = scene.s3.list_object_versions(Bucket=scene.lane.ingest_bucket).get("Versions", [])
    yield from (f"in the ingest bucket: {found['Key']}" for found in versions)
    failed = scene.s3.list_objects_v2(Bucket=scene.lane.failed_bucket).get("Contents", [])
    kept = {row.failed_key for row in scene.rows}
    for found in failed:
        if found["Key"].removesuffix(REASON_SUFFIX) not in kept:
            yield f"in the failed bucket: {found['Key']}"
    yield from (f"temporary folder {name}" for name in scene.workbenches)
    yield from (f"{depth} messages on the {name}" for name, depth in scene.depths.items() if depth)


def _read(scene: LaneScene, bucket: str, key: str) -> bytes | None:
    try:
        return scene.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
