"""Ingestion: from a submitted file to an archived original whose document is on its way.

The order of the steps is what makes it safe to be cut off between any two, and repeated: the
original is archived and verified, then the row says so, then the message to the index is accepted,
and only then the submitted file is removed. Each step finds what it has done before.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from reindex.domain.failures import (
    ArchiveConflict,
    Failure,
    ReindexFailure,
    StoreUnavailable,
    SubmissionDied,
    SubmissionGone,
    SubmissionTooLarge,
    UnexpectedError,
)
from reindex.domain.messages import UnreadableMessage
from reindex.domain.submissions import (
    MAX_ATTEMPTS,
    IndexImage,
    LogPlace,
    Submission,
    SubmissionRow,
    SubmissionState,
    submissions_of,
)
from reindex.image import sniff
from reindex.image.dates import parse_iso
from reindex.image.extract import extract
from reindex.image.original_metadata import original_metadata
from reindex.image.ranged import open_path
from reindex.image.renditions import Notice, Rendered, render
from reindex.steps.ambient import Clock, Meter
from reindex.steps.deliveries import Delivery, postpone, set_aside
from reindex.steps.workbench import sha1_of, workbench
from reindex.stores.interfaces.archive import Archive, NewFile
from reindex.stores.interfaces.queues import DeadLetters, Deliveries, HighPriority
from reindex.stores.interfaces.submissions import Submissions, SubmittedFiles

log = logging.getLogger(__name__)

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Ingest:
    """Processes submissions.

    Attributes:
        submissions: The rows.
        files: The submitted files.
        archive: Of originals and renditions.
        high_priority: Takes the images to index.
        max_megabytes: Of a submitted file.
    """

    submissions: Submissions
    files: SubmittedFiles
    archive: Archive
    high_priority: HighPriority
    clock: Clock
    meter: Meter
    max_megabytes: int

    def process(self, submission: Submission, place: LogPlace) -> SubmissionRow:
        """Bring a submission to its end, from wherever it was left.

        Args:
            submission: Which one.
            place: Of this invocation's log.

        Returns:
            Its row, ``processed`` or ``failed``.

        Raises:
            StoreUnavailable: A service does not answer, or another invocation works on it: it is
                to be tried again.
        """
        row = self._begin(submission, place)
        if row.state is SubmissionState.PROCESSING:
            row = self._finish(row)
        if row.state is SubmissionState.PROCESSED and row.image_id and not row.searchable_at:
            self.high_priority.send([IndexImage(row.image_id, [row.ref])])
        if row.state is SubmissionState.PROCESSED and row.attempts > 1:
            # A second delivery gives a file up while the last of its attempts is still at work.
            self.files.discard(row.ref.kept_key)
        self.files.remove(row.ref)
        return row

    def _begin(self, submission: Submission, place: LogPlace) -> SubmissionRow:
        """Record that work begins; return a row that is final already as it is."""
        before = self.submissions.read(submission.ref)
        if before and before.state.is_final:
            return before
        now = self.clock.now()
        row = before or SubmissionRow.new(submission, now)
        if row.attempts >= MAX_ATTEMPTS:
            died = SubmissionDied(
                f"The function ended {MAX_ATTEMPTS} times while it processed this file.",
                f"log stream {row.log.stream}" if row.log else "",
            )
            return self._failed(row, died.as_failure(), unexpected=True)
        begun = row.begun(place, now)
        self._write(begun, before)
        return begun

    def _finish(self, row: SubmissionRow) -> SubmissionRow:
        """Process a submission that was begun."""
        try:
            return self._processed(row)
        except (StoreUnavailable, OSError) as error:
            # An OSError is the workbench's: its disk is full.
            with suppress(StoreUnavailable):
                self.submissions.write(row.put_back(self.clock.now()), row)
            if isinstance(error, StoreUnavailable):
                raise
            raise StoreUnavailable(f"workbench: {error}") from error

    def _processed(self, row: SubmissionRow) -> SubmissionRow:
        try:
            image_id = self._archived(row)
        except SubmissionGone as gone:
            # A second delivery may have come to its end, and removed the file, meanwhile.
            now = self.submissions.read(row.ref)
            if now and now.state.is_final:
                return now
            return self._failed(row, gone.as_failure())
        except ReindexFailure as failure:
            if isinstance(failure, ArchiveConflict):
                self.meter.count("ArchiveConflicts")
            return self._failed(row, failure.as_failure())
        except (StoreUnavailable, OSError):
            raise
        except Exception as error:
            log.exception("unexpected", extra=_named(row))
            unexpected = UnexpectedError(
                "something failed in a way we did not foresee", f"{type(error).__name__}: {error}"
            )
            return self._failed(row, unexpected.as_failure(), unexpected=True)
        done = row.processed(image_id, self.clock.now())
        self._write(done, row)
        self.meter.count("SubmissionsProcessed")
        log.info("processed", extra=_named(done))
        return done

    def _archived(self, row: SubmissionRow) -> str:
        """Check a submitted file, archive it, publish its renditions; return the image's id."""
        self._check_size(row.size)
        metadata = self.files.metadata(row.ref)
        with workbench() as folder:
            path = folder / "submission"
            self.files.download(row.ref, path)
            size = path.stat().st_size
            self._check_size(size)
            image_id = sha1_of(path)
            mime_type, renditions = _looked_at(path)
            file = NewFile(path, size, mime_type, image_id, _upload_metadata(row, metadata))
            self.archive.archive(image_id, file)
            log.info("archived", extra=_named(row) | {"image_id": image_id})
            for made in renditions:
                self.archive.publish(image_id, made.kind, made.content, made.mime_type)
        return image_id

    def _check_size(self, size: int) -> None:
        if size > self.max_megabytes * _MEGABYTE:
            raise SubmissionTooLarge(
                f"The file is larger than {self.max_megabytes:,} MB.", f"{size:,} bytes"
            )

    def _failed(
        self, row: SubmissionRow, failure: Failure, *, unexpected: bool = False
    ) -> SubmissionRow:
        """Move a submission's bytes to the failed bucket, and record why."""
        reason = {"failure": asdict(failure), "submission": row.to_json()}
        kept_at = self.files.keep_failed(row.ref, json.dumps(reason, indent=2).encode())
        done = row.failed(failure, self.clock.now(), unexpected=unexpected, kept_at=kept_at)
        self._write(done, row)
        self.meter.count("SubmissionsFailed")
        log.warning(
            "submission failed",
            extra=_named(done) | {"code": failure.code, "reason": failure.message},
        )
        return done

    def _write(self, row: SubmissionRow, before: SubmissionRow | None) -> None:
        if not self.submissions.write(row, before):
            raise StoreUnavailable("submissions: another invocation works on this one")


@dataclass(frozen=True, slots=True)
class IngestMessages:
    """Processes the messages of the ingest queue."""

    ingest: Ingest
    queue: Deliveries
    dead_letters: DeadLetters
    meter: Meter

    def handle(self, deliveries: Sequence[Delivery], place: LogPlace) -> list[str]:
        """Process the submissions that messages name.

        Args:
            deliveries: Of messages.
            place: Of this invocation's log.

        Returns:
            The ``message_id`` of each delivery that must come again.
        """
        returned = [d for d in deliveries if not self._is_done(d, place)]
        if returned:
            self.meter.count("SubmissionsReturned", len(returned))
            postpone(self.queue, returned)
        return [d.message_id for d in returned]

    def _is_done(self, delivery: Delivery, place: LogPlace) -> bool:
        """Process one message; return False when it must come again."""
        try:
            for submission in submissions_of(delivery.body):
                self.ingest.process(submission, place)
        except UnreadableMessage as error:
            return set_aside(self.dead_letters, delivery.body, str(error))
        except StoreUnavailable as error:
            log.warning("a submission must wait", extra={"reason": str(error)})
            return False
        except Exception:
            # The edge of one message's work: it comes again, and in the end is a dead letter.
            log.exception("unexpected")
            return False
        return True


def _looked_at(path: Path) -> tuple[str, list[Rendered]]:
    """Return a file's MIME type, by its bytes, and its renditions.

    Raises:
        ReindexFailure: It is not an image that the library accepts; the failure says why.
    """
    with open_path(path) as opened:
        head = opened.pread(0, sniff.HEAD)
        file = extract(opened)
    said = original_metadata(file, datetime.now(UTC))
    notice = Notice(said.get("credit"), said.get("copyright"))
    return file.mime_type, list(render(path, head, file.dimensions, notice))


def _upload_metadata(row: SubmissionRow, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return an original's user metadata: what was submitted with it, and defaults."""
    given = {name.lower().replace("_", "-") for name, value in metadata.items() if value.strip()}
    defaults = {
        "uploaded-by": quote(row.ref.submitter),
        "upload-time": quote((parse_iso(row.submitted_at) or datetime.now(UTC)).isoformat()),
        "file-name": quote(row.ref.filename),
    }
    added = {name: value for name, value in defaults.items() if value and name not in given}
    return {name: value for name, value in metadata.items() if value.strip()} | added


def _named(row: SubmissionRow) -> dict[str, str]:
    """Return what every line of a log says of a submission: what ``reindex trace`` finds it by."""
    found = {"submission": row.ref.id, "key": row.ref.key}
    return found | ({"image_id": row.image_id} if row.image_id else {})
