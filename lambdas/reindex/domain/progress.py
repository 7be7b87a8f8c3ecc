"""The progress row of one image, and its transitions.

The code is pure: every transition returns a new row. The progress table writes the new row on
condition that the stored row still has the ``state`` and ``rev`` of the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reindex.domain.failures import UNEXPLAINED, Failure
from reindex.domain.states import State, check_move
from reindex.text import MAX_ID_BYTES


def iso(at: float) -> str:
    """Return a time in epoch seconds as ISO 8601 in UTC, with milliseconds."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class RecordedFailure:
    """The failure that is stored in an image's row.

    Attributes:
        code: Stable name of the kind of failure.
        message: The failure, as a message for users.
        detail: Technical details for engineers.
        fingerprint: Hash that failures of the same kind and message share.
        at: Time of the failure, ISO 8601.
    """

    code: str
    message: str
    detail: str
    fingerprint: str
    at: str

    @classmethod
    def of(cls, failure: Failure, now: float) -> RecordedFailure:
        """Return the record of a failure that happened now."""
        return cls(failure.code, failure.message, failure.detail, failure.fingerprint, iso(now))


@dataclass(frozen=True, slots=True)
class Retry:
    """The limits and delays of retries.

    Attributes:
        max_attempts: Number of failures after which an image is not retried.
        base_seconds: Delay after the first failure; doubles with each further one.
        cap_seconds: Longest delay.
    """

    max_attempts: int = 5
    base_seconds: float = 30
    cap_seconds: float = 900

    def delay(self, attempts: int) -> int:
        """Return the seconds to wait after this many failures."""
        return int(min(self.cap_seconds, self.base_seconds * 2.0 ** (attempts - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressRow:
    """One image's row. Its methods are the transitions; each returns the new row.

    Attributes:
        id: The image id.
        upload: The upload that first added the id; never changes, so that the rows of an upload
            can be compared with the ledger.
        state: The state of the image.
        rev: Revision, raised by every write; with ``state``, the condition of the next write.
        attempts: Number of failures since the image was last verified or requeued.
        waits: Number of times that it has waited because a live writer had just written.
        updated_at: Time of the last write, ISO 8601, UTC.
        run_id: The run that made the last transition.
        digest: Digest of the enqueued projection; None for an image without an original.
        created: True if a message since the last verification was to create the document.
        failure: The last failure, until the image is verified or enqueued again.
        due_at: Epoch seconds before which it is not worked on; None when it is finished.
    """

    id: str
    upload: str
    state: State
    rev: int
    attempts: int = 0
    waits: int = 0
    updated_at: str
    run_id: str | None = None
    digest: str | None = None
    created: bool = False
    failure: RecordedFailure | None = None
    due_at: int | None = None

    @property
    def lacks_original(self) -> bool:
        """True if the check has yet to confirm that there is no original and no document."""
        return self.state is State.ENQUEUED and self.digest is None

    def is_verified_by(self, run_id: str) -> bool:
        """Return True if that run made the last transition, and the row has no failure."""
        return self.run_id == run_id and self.failure is None

    @classmethod
    def new(cls, image_id: str, upload: str, now: float) -> ProgressRow:
        """Return the row of a new image, due at once.

        Args:
            image_id: The image id.
            upload: Unique name of the upload.
            now: Current time in epoch seconds.

        Raises:
            ValueError: The id is empty, or longer than an index can hold.
        """
        if not image_id or len(image_id.encode()) > MAX_ID_BYTES:
            raise ValueError(f"an image id has 1 to {MAX_ID_BYTES} bytes")
        return cls(
            id=image_id,
            upload=upload,
            state=State.QUEUED,
            rev=1,
            updated_at=iso(now),
            due_at=0,
        )

    def requested_again(self, now: float) -> ProgressRow:
        """Return the row after a new request for an unfinished image.

        Everything read from the truth before is outdated. A queued row only gets a new ``rev``, so
        that a worker that is processing the row cannot record its outdated projection.
        """
        if self.state is State.ENQUEUED:
            return self.outdated(now)
        return replace(self, rev=self.rev + 1, updated_at=iso(now))

    def outdated(self, now: float) -> ProgressRow:
        """Return an enqueued row to ``queued``, because the truth may have changed since.

        This is not counted as an attempt. ``created`` is kept, because the message that was sent
        may still create the document.
        """
        return replace(self._to(State.QUEUED, now), digest=None, failure=None)

    def _to(self, state: State, now: float) -> ProgressRow:
        check_move(self.state, state)
        due_at = 0 if state.phase else None
        return replace(self, state=state, rev=self.rev + 1, updated_at=iso(now), due_at=due_at)

    def requeued(self, now: float) -> ProgressRow:
        """Return the row after an operator requeued it, with attempts and failure reset.

        The values on sent messages are kept unless the image was verified, because such messages
        may still be on the queue.
        """
        verified = self.state is State.VERIFIED
        return replace(
            self._to(State.QUEUED, now),
            attempts=0,
            waits=0,
            run_id=self.run_id if verified else None,
            digest=None,
            created=self.created and not verified,
            failure=None,
        )

    def waiting(self, until: float, now: float) -> ProgressRow:
        """Return the row postponed, without counting an attempt, because of a live writer."""
        return replace(self._to(self.state, now), waits=self.waits + 1, due_at=int(until))

    def enqueued(
        self, *, digest: str, created: bool, run_id: str, check_at: float, now: float
    ) -> ProgressRow:
        """Return the row after the low-priority queue accepted its message."""
        return replace(
            self._to(State.ENQUEUED, now),
            digest=digest,
            created=self.created or created,
            run_id=run_id,
            failure=None,
            waits=0,
            due_at=int(check_at),
        )

    def without_original(
        self, failure: Failure, *, created: bool, run_id: str, check_at: float, now: float
    ) -> ProgressRow:
        """Return the row of an image without an original, to be confirmed by the check.

        A message of the image may still be on the queue, sent by a worker that died or lost the
        response before it could record the message.
        """
        return replace(
            self._to(State.ENQUEUED, now),
            digest=None,
            created=self.created or created,
            run_id=run_id,
            failure=RecordedFailure.of(failure, now),
            waits=0,
            due_at=int(check_at),
        )

    def unchanged(self, *, digest: str, run_id: str, now: float) -> ProgressRow:
        """Return the row verified without a write: the index already had the document."""
        return replace(self.verified(now), digest=digest, run_id=run_id, created=False)

    def verified(self, now: float) -> ProgressRow:
        """Return the row after the check found its projection's document in the index."""
        return replace(self._to(State.VERIFIED, now), failure=None, attempts=0)

    def failed(self, failure: Failure, *, run_id: str, retry: Retry, now: float) -> ProgressRow:
        """Return the row after its projection failed, or the index rejected its document.

        A retryable failure is retried with exponential backoff up to the limit; any other is
        final.
        """
        attempts = self.attempts + 1
        if failure.retryable and attempts < retry.max_attempts:
            after = replace(self._to(State.QUEUED, now), due_at=int(now) + retry.delay(attempts))
        else:
            after = self._to(_resting_state(failure), now)
        return replace(
            after, attempts=attempts, run_id=run_id, failure=RecordedFailure.of(failure, now)
        )

    def unchecked(self, failure: Failure, *, retry: Retry, now: float) -> ProgressRow:
        """Return the row after its check failed: it is retried up to the limit."""
        attempts = self.attempts + 1
        if failure.retryable and attempts < retry.max_attempts:
            after = replace(self._to(State.ENQUEUED, now), due_at=int(now) + retry.delay(attempts))
        else:
            after = self._to(_resting_state(failure), now)
        return replace(after, attempts=attempts, failure=RecordedFailure.of(failure, now))

    def not_found(self, now: float, failure: Failure) -> ProgressRow:
        """Return the row ``not_found``: no original, and no message that could restore it."""
        recorded = RecordedFailure.of(failure, now)
        return replace(self._to(State.NOT_FOUND, now), failure=recorded)

    def missing(self, failure: Failure, *, retry: Retry, now: float) -> ProgressRow:
        """Return the row after the index had no document: requeued, in the end inconsistent."""
        attempts = self.attempts + 1
        state = State.QUEUED if attempts < retry.max_attempts else State.INCONSISTENT
        return replace(
            self._to(state, now), attempts=attempts, failure=RecordedFailure.of(failure, now)
        )


def to_values(row: ProgressRow) -> dict[str, Any]:
    """Return the values that a row is stored as, in the table and in a chunk's file.

    Raises:
        ValueError: The row is unfinished without a due time, or finished with one.
    """
    if (row.state.phase is None) != (row.due_at is None):
        raise ValueError(f"a row in state {row.state} due at {row.due_at}")
    values = {
        "id": row.id,
        "upload": row.upload,
        "state": row.state.value,
        "rev": row.rev,
        "attempts": row.attempts,
        "waits": row.waits or None,
        "updated_at": row.updated_at,
        "run_id": row.run_id,
        "digest": row.digest,
        "created": row.created or None,
        "failure": asdict(row.failure) if row.failure else None,
        "due_at": row.due_at,
    }
    return {name: value for name, value in values.items() if value is not None}


#: The type of each value of a stored row.
_KINDS = (
    ("id", str),
    ("upload", str),
    ("state", str),
    ("rev", int),
    ("attempts", int),
    ("waits", int),
    ("updated_at", str),
    ("run_id", str),
    ("digest", str),
    ("created", bool),
    ("failure", dict),
    ("due_at", int),
)

_REQUIRED = frozenset({"id", "upload", "state", "rev", "attempts", "updated_at"})

_ABSENT = object()


def from_values(values: Mapping[str, Any]) -> ProgressRow:
    """Read a row, ignoring unknown values.

    Raises:
        ValueError: The row is malformed; the message says why.
    """
    read: dict[str, Any] = {}
    # One loop without calls, for speed: a scan reads every row of the table.
    for name, kind in _KINDS:
        value = values.get(name, _ABSENT)
        # Not isinstance, because a bool is an int and must not be accepted as a number.
        if type(value) is kind:
            read[name] = value
        elif value is not _ABSENT or name in _REQUIRED:
            raise ValueError(f"{name} is {values.get(name)!r}")
    read["state"] = State(read["state"])
    if "failure" in read:
        read["failure"] = _failure(read["failure"])
    row = ProgressRow(**read)
    if (row.state.phase is None) != (row.due_at is None):
        raise ValueError(f"{row.state}, yet due at {row.due_at}")
    return row


def _failure(values: Mapping[str, Any]) -> RecordedFailure:
    names = ("code", "message", "detail", "fingerprint", "at")
    for name in names:
        if type(values.get(name)) is not str:
            raise ValueError(f"{name} is {values.get(name)!r}")
    return RecordedFailure(*(values[name] for name in names))


def _resting_state(failure: Failure) -> State:
    return State.UNKNOWN_ERROR if failure.code in UNEXPLAINED else State.KNOWN_ERROR
