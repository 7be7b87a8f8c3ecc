"""The progress row of one image, and each thing that can happen to it.

Pure: every event returns the row that would follow. The progress table writes the new row
on condition that the stored one still has the ``state`` and ``rev`` of the old.
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
    """An epoch time in seconds as ISO 8601, UTC, milliseconds."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class RecordedFailure:
    """The failure an image's row remembers.

    Attributes:
        code: Stable name of the kind of failure.
        message: What happened, for people.
        detail: What engineers want to see beside it.
        fingerprint: Shared by like failures.
        at: When, ISO 8601.
    """

    code: str
    message: str
    detail: str
    fingerprint: str
    at: str

    @classmethod
    def of(cls, failure: Failure, now: float) -> RecordedFailure:
        """Record a failure as having happened now."""
        return cls(failure.code, failure.message, failure.detail, failure.fingerprint, iso(now))


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon failed work goes round again.

    Attributes:
        max_attempts: Failures after which an image is set aside.
        base_seconds: Wait after the first failure; doubles with each further one.
        cap_seconds: Longest wait.
    """

    max_attempts: int = 5
    base_seconds: float = 30
    cap_seconds: float = 900

    def delay(self, attempts: int) -> int:
        """Seconds to wait after this many failures."""
        return int(min(self.cap_seconds, self.base_seconds * 2.0 ** (attempts - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressRow:
    """One image's row. Its methods name what can happen to it; each returns the row after.

    Attributes:
        id: The image id.
        upload: The upload that brought it, for life: the ledger is held against it.
        state: Where the image stands.
        rev: Raised by every write: with ``state``, the condition of the next one.
        attempts: Failures so far in its present round trip to verified.
        waits: Times it has waited for a live writer to settle.
        updated_at: ISO 8601, UTC.
        run_id: The run that last moved it.
        digest: Of the projection enqueued; None of an image without an original.
        created: Whether a message of this image, since it was last verified, was to create its
            document.
        failure: The last failure, until the image is verified or enqueued again.
        due_at: Epoch seconds before which it is not worked on; None when nothing is left to do.
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
    def is_absent(self) -> bool:
        """Whether it waits for the check to confirm that it has no original and no document."""
        return self.state is State.ENQUEUED and self.digest is None

    def is_verified_by(self, run_id: str) -> bool:
        """Whether that run verified the image, and nothing has been tried with it since."""
        return self.run_id == run_id and self.failure is None

    @classmethod
    def new(cls, image_id: str, upload: str, now: float) -> ProgressRow:
        """The row of an image seen for the first time: due at once.

        Args:
            image_id: Of the image.
            upload: Names the upload, and no other.
            now: Epoch seconds.

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

    def asked_again(self, now: float) -> ProgressRow:
        """Asked for while it had work left: whatever was read of its truth before is outdated.

        A queued row is only written anew: a worker that has it in progress then cannot record
        the projection it made, because ``rev`` is no longer what that worker read.
        """
        if self.state is State.ENQUEUED:
            return self.outdated(now)
        return replace(self, rev=self.rev + 1, updated_at=iso(now))

    def outdated(self, now: float) -> ProgressRow:
        """Enqueued, but the truth may have changed since that projection: project it anew.

        No attempt counts. ``created`` stays: the message that was sent may still create the
        document.
        """
        return replace(self._to(State.QUEUED, now), digest=None, failure=None)

    def _to(self, state: State, now: float) -> ProgressRow:
        check_move(self.state, state)
        due_at = 0 if state.phase else None
        return replace(self, state=state, rev=self.rev + 1, updated_at=iso(now), due_at=due_at)

    def requeued(self, now: float) -> ProgressRow:
        """Asked for anew: an operator's doing, with a clean sheet.

        What it says of messages stays, unless they were seen to have come.
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
        """Put off, blameless, until what a live writer did has settled."""
        return replace(self._to(self.state, now), waits=self.waits + 1, due_at=int(until))

    def enqueued(
        self, *, digest: str, created: bool, run_id: str, check_at: float, now: float
    ) -> ProgressRow:
        """Its message was accepted by the low-priority queue."""
        return replace(
            self._to(State.ENQUEUED, now),
            digest=digest,
            created=self.created or created,
            run_id=run_id,
            failure=None,
            waits=0,
            due_at=int(check_at),
        )

    def absent(
        self, failure: Failure, *, created: bool, run_id: str, check_at: float, now: float
    ) -> ProgressRow:
        """It has no original.

        That rests until the check, for its message may be on its way all the same: sent by a
        worker that died, or lost the answer, before it could settle what it had sent.
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
        """The index held the very document just projected: verified without a write."""
        return replace(self.verified(now), digest=digest, run_id=run_id, created=False)

    def verified(self, now: float) -> ProgressRow:
        """The index holds the document of this row's projection."""
        return replace(self._to(State.VERIFIED, now), failure=None, attempts=0)

    def failed(self, failure: Failure, *, run_id: str, retry: Retry, now: float) -> ProgressRow:
        """Its projection failed, or the index refused it.

        A retryable failure goes round again after a growing wait, a bounded number of times;
        any other is recorded at once.
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
        """The check could not be made: it is made again later, a bounded number of times."""
        attempts = self.attempts + 1
        if failure.retryable and attempts < retry.max_attempts:
            after = replace(self._to(State.ENQUEUED, now), due_at=int(now) + retry.delay(attempts))
        else:
            after = self._to(_resting_state(failure), now)
        return replace(after, attempts=attempts, failure=RecordedFailure.of(failure, now))

    def vanished(self, now: float, failure: Failure) -> ProgressRow:
        """Its original is gone, and no message is left that could bring its document back."""
        recorded = RecordedFailure.of(failure, now)
        return replace(self._to(State.NOT_FOUND, now), failure=recorded)

    def missing(self, failure: Failure, *, retry: Retry, now: float) -> ProgressRow:
        """Enqueued, yet the index does not hold it: round again, in the end inconsistent."""
        attempts = self.attempts + 1
        state = State.QUEUED if attempts < retry.max_attempts else State.INCONSISTENT
        return replace(
            self._to(state, now), attempts=attempts, failure=RecordedFailure.of(failure, now)
        )


def to_values(row: ProgressRow) -> dict[str, Any]:
    """The values that a row is stored as, in the table and in a chunk's file.

    Raises:
        ValueError: The row has work left but is never due, or the reverse.
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


#: What each value of a stored row is.
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
    """Read a row; what others may have written beside it is passed over.

    Raises:
        ValueError: Says what is wrong with it.
    """
    read: dict[str, Any] = {}
    # In one loop, without a call for each: a scan does this with every row there is.
    for name, kind in _KINDS:
        value = values.get(name, _ABSENT)
        # Not isinstance: a boolean is not accepted as a number.
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
