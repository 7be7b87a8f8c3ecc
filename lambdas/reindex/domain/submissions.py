"""A submission: a file to be added to the library, with its row and its messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self
from urllib.parse import unquote_plus

from reindex.domain.failures import Failure
from reindex.domain.messages import UnreadableMessage
from reindex.domain.progress import iso
from reindex.text import MAX_ID_BYTES

#: The subject of a message on the high-priority queue.
INDEX_IMAGE = "index-image"

#: The version of an object in a bucket that keeps no versions.
NO_VERSION = "null"

#: Most attempts to process a submission. A file that kills the function each time then fails.
MAX_ATTEMPTS = 3


class SubmissionIndex(StrEnum):
    """The secondary indexes of the submissions table: each has the name of its partition key.

    ``submission_id`` and ``image_id`` hold keys only. ``failure_code`` holds whole rows, and only
    those of failed submissions: no other row has that attribute.
    """

    ID = "submission_id"
    IMAGE = "image_id"
    FAILURE = "failure_code"


class SubmissionState(StrEnum):
    """The state of a submission.

    ``queued``: it waits. ``processing``: a function works on it. ``processed``: the original is
    archived, and a message for the index is sent. ``failed``: the row has the reason.
    """

    QUEUED = "queued"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """True if no work is left to do with the submitted file."""
        return self in {SubmissionState.PROCESSED, SubmissionState.FAILED}


@dataclass(frozen=True, slots=True)
class SubmissionRef:
    """A reference to a submission: one version of one object of the ingest bucket.

    Attributes:
        key: Of the object, decoded: ``NAME/…/filename``; NAME is the submitter.
        version: Of the object; :data:`NO_VERSION` in a bucket without versions.
    """

    key: str
    version: str = NO_VERSION

    @property
    def id(self) -> str:
        """A short name for logs, messages and people: 12 hex digits."""
        return hashlib.sha256(f"{self.key}\n{self.version}".encode()).hexdigest()[:12]

    @property
    def kept_key(self) -> str:
        """Key of its bytes in the failed bucket, if it fails."""
        return f"{self.key}.{self.id}"

    @property
    def submitter(self) -> str:
        """The submitter: the first folder of the key; empty if the key has none."""
        return self.key.partition("/")[0] if "/" in self.key else ""

    @property
    def filename(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted object, as S3's event describes it.

    Attributes:
        ref: Its reference.
        size: Bytes.
        at: Time of the upload, ISO 8601.
    """

    ref: SubmissionRef
    size: int
    at: str


def submissions_of(body: str) -> list[Submission]:
    """Read a message of the ingest queue: S3's event about objects that were created.

    S3's test event, which is sent once when the bucket is set up, has no records.

    Raises:
        UnreadableMessage: It is not an event of S3.
    """
    try:
        event = json.loads(body)
        if event.get("Event") == "s3:TestEvent":
            return []
        return [_submission(record) for record in event["Records"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(f"no event of S3: {type(error).__name__}: {error}") from error


def _submission(record: Mapping[str, Any]) -> Submission:
    found = record["s3"]["object"]
    key, size = found["key"], found["size"]
    if not isinstance(key, str) or type(size) is not int:
        raise UnreadableMessage("its object has no key or no size")
    # The event's keys are always encoded as in an HTML form.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    ref = SubmissionRef(unquote_plus(key), found.get("versionId") or NO_VERSION)
    return Submission(ref, size, str(record["eventTime"]))


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The location of an invocation's log, where the traceback of an unexpected failure is.

    Attributes:
        request_id: Of the invocation.
        group: CloudWatch's log group.
        stream: In that group.
    """

    request_id: str
    group: str = ""
    stream: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """The row of a submission.

    Attributes:
        ref: The submission.
        state: Of the submission.
        size: Bytes.
        submitted_at: ISO 8601.
        updated_at: ISO 8601.
        attempts: Attempts to process it, except those that an outage ended.
        image_id: None until it is known.
        failure: Why it failed; None if it did not.
        is_unexpected: True if that failure was not foreseen.
        log: Of the last invocation that worked on it.
        failed_key: Key of its bytes in the failed bucket.
        searchable_at: Time when the index had accepted the document, ISO 8601.
    """

    ref: SubmissionRef
    state: SubmissionState
    size: int
    submitted_at: str
    updated_at: str
    attempts: int = 0
    image_id: str | None = None
    failure: Failure | None = None
    is_unexpected: bool = False
    log: LogPlace | None = None
    failed_key: str | None = None
    searchable_at: str | None = None

    @classmethod
    def new(cls, submission: Submission, now: float) -> Self:
        """Return the row of a new submission."""
        return cls(
            ref=submission.ref,
            state=SubmissionState.QUEUED,
            size=submission.size,
            submitted_at=submission.at,
            updated_at=iso(now),
        )

    def begun(self, log: LogPlace, now: float) -> Self:
        """Return the row when a function begins to process the submission."""
        return replace(
            self,
            state=SubmissionState.PROCESSING,
            attempts=self.attempts + 1,
            log=log,
            updated_at=iso(now),
        )

    def put_back(self, now: float) -> Self:
        """Return the row after an outage: it waits again, and the attempt does not count."""
        return replace(
            self, state=SubmissionState.QUEUED, attempts=self.attempts - 1, updated_at=iso(now)
        )

    def processed(self, image_id: str, now: float) -> Self:
        """Return the row when the original is archived and its renditions are published."""
        return replace(
            self,
            state=SubmissionState.PROCESSED,
            image_id=image_id,
            failure=None,
            is_unexpected=False,
            updated_at=iso(now),
        )

    def failed(
        self, failure: Failure, now: float, *, unexpected: bool = False, kept_at: str | None = None
    ) -> Self:
        """Return the row of a submission that cannot be processed.

        Args:
            failure: Why.
            now: Epoch seconds.
            unexpected: True if the failure was not foreseen.
            kept_at: Key of its bytes in the failed bucket.
        """
        return replace(
            self,
            state=SubmissionState.FAILED,
            failure=failure,
            is_unexpected=unexpected,
            failed_key=kept_at or self.failed_key,
            updated_at=iso(now),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the row's values."""
        values = {
            "key": self.ref.key,
            "version": self.ref.version,
            "state": self.state.value,
            "size": self.size,
            "submitted_at": self.submitted_at,
            "updated_at": self.updated_at,
            "attempts": self.attempts,
            "image_id": self.image_id,
            "failure": asdict(self.failure) if self.failure else None,
            "is_unexpected": self.is_unexpected or None,
            "log": asdict(self.log) if self.log else None,
            "failed_key": self.failed_key,
            "searchable_at": self.searchable_at,
        }
        return {name: value for name, value in values.items() if value is not None}

    def index_values(self) -> Mapping[str, str]:
        """Return the values that are stored only for the table's indexes."""
        values = {SubmissionIndex.ID.value: self.ref.id}
        if self.failure and self.state is SubmissionState.FAILED:
            values[SubmissionIndex.FAILURE.value] = self.failure.code
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read a stored row.

        Raises:
            ValueError: It is not of our form.
        """
        try:
            failure, log = values.get("failure"), values.get("log")
            return cls(
                ref=SubmissionRef(values["key"], values["version"]),
                state=SubmissionState(values["state"]),
                size=values["size"],
                submitted_at=values["submitted_at"],
                updated_at=values["updated_at"],
                attempts=values["attempts"],
                image_id=values.get("image_id"),
                failure=Failure(**failure) if failure else None,
                is_unexpected=values.get("is_unexpected", False),
                log=LogPlace(**log) if log else None,
                failed_key=values.get("failed_key"),
                searchable_at=values.get("searchable_at"),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class IndexImage:
    """A message of the high-priority queue: bring an image's document up to date.

    It names the image and holds no document: its consumer projects the truth of that moment, so
    messages of one image may arrive in any order.

    Attributes:
        image_id: Of the image.
        submissions: The submissions of the image; empty if the message is about another change.
    """

    image_id: str
    submissions: Sequence[SubmissionRef] = field(default=())

    def to_json(self) -> str:
        """Return the message's body."""
        return json.dumps(
            {
                "subject": INDEX_IMAGE,
                "id": self.image_id,
                "submissions": [asdict(ref) for ref in self.submissions],
            }
        )

    @classmethod
    def from_json(cls, body: str) -> Self:
        """Read a message's body.

        Raises:
            UnreadableMessage: It is not a message of this kind.
        """
        try:
            raw = json.loads(body)
            if raw["subject"] != INDEX_IMAGE:
                raise UnreadableMessage(f"the subject is not {INDEX_IMAGE}")
            image_id = raw["id"]
            refs = tuple(SubmissionRef(each["key"], each["version"]) for each in raw["submissions"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UnreadableMessage(f"{type(error).__name__}: {error}") from error
        if not isinstance(image_id, str) or not 0 < len(image_id.encode()) <= MAX_ID_BYTES:
            raise UnreadableMessage(f"the id is empty, or longer than {MAX_ID_BYTES} bytes")
        return cls(image_id, refs)
