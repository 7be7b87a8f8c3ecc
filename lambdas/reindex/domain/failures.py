"""Why one image could not be reindexed.

A failure is data: it is raised inside one image's work, turned into a :class:`Failure` at
the edge of that work, and written to the image's progress row. Each class has a stable
``code`` (operators search, group and requeue by it), a message for people, and says
whether trying again can help. ``docs/failures.md`` is generated from these classes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

#: A failure's texts are cut to so many bytes of UTF-8, so that a progress row stays under 1 KB
#: and a write of it costs one unit.
MAX_MESSAGE = 200
MAX_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """One image's failure, as it travels in the projection's answer and stands in its row.

    Attributes:
        code: Stable name of the kind of failure.
        message: What happened, for people.
        detail: What engineers want to see beside it; may be empty.
        retryable: Whether trying again, with nothing changed, can help.

    The texts are cut to :data:`MAX_MESSAGE` and :data:`MAX_DETAIL`.
    """

    code: str
    message: str
    detail: str = ""
    retryable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", _cut(self.message, MAX_MESSAGE))
        object.__setattr__(self, "detail", _cut(self.detail, MAX_DETAIL))

    @property
    def fingerprint(self) -> str:
        """Eight hex digits shared by like failures: same code and message, numbers aside."""
        like = re.sub(r"[0-9a-fA-F]{8,}|\d+", "#", f"{self.code}|{self.message}")
        return hashlib.sha256(like.encode()).hexdigest()[:8]


def _cut(text: str, size: int) -> str:
    return text.encode(errors="replace")[:size].decode(errors="ignore")


class ReindexFailure(Exception):
    """A failure of one image that we understand.

    Args:
        message: What happened, for people. It must not contain the image's id, so that
            like failures share a fingerprint.
        detail: What engineers want to see beside it.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False
    #: Whether the cause lies outside of the image, so that many images may fail for it alike.
    shared_cause: ClassVar[bool] = False

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def as_failure(self) -> Failure:
        """Return this failure as data."""
        return Failure(self.code, self.message, self.detail, self.retryable)


class OriginalNotFound(ReindexFailure):
    """The original does not exist in the originals bucket.

    If it should, restore it and queue the image again; if not, its document can be deleted.
    """

    code = "not_found"


class NotAnImage(ReindexFailure):
    """The original's bytes are of no image format.

    Look at the original: it was uploaded so, or damaged since.
    """

    code = "not_an_image"


class UnsupportedFormat(ReindexFailure):
    """The original is an image of a format we do not read.

    Nothing helps but a release that reads it.
    """

    code = "unsupported_format"


class TruncatedImage(ReindexFailure):
    """The original ends or breaks before its dimensions can be read.

    Restore the original from its source, and queue the image again.
    """

    code = "truncated"


class TooManyPixels(ReindexFailure):
    """The header declares dimensions beyond the bound: refused before anything is decoded.

    Look at the original: an image of that size is a mistake, or an attack.
    """

    code = "too_many_pixels"


class InvalidUserData(ReindexFailure):
    """A row of user data, or a crop's object metadata, is not of the form its table promises.

    The message names the table and the attribute: mend the row, and queue the image again.
    """

    code = "invalid_user_data"
    shared_cause = True


class ProcessorFailed(ReindexFailure):
    """A processor of the library's own, or one of ours, cannot handle the image's metadata.

    Mend it, deploy, and queue the image again: ``reindex project ID --explain`` shows what it is
    given.
    """

    code = "processor_failed"
    shared_cause = True


class SourceForbidden(ReindexFailure):
    """A source of truth refused us: an error of permissions, never a missing image.

    Grant what the detail names (its KMS key, too), and queue the images again.
    """

    code = "source_forbidden"
    shared_cause = True


class SourceArchived(ReindexFailure):
    """The original is in an archive storage class of S3, from which it cannot be read at once.

    Restore it (`aws s3api restore-object`), then `reindex requeue --code source_archived`.
    """

    code = "source_archived"
    shared_cause = True


class SourceUnavailable(ReindexFailure):
    """A source of truth did not answer, or changed while it was read.

    It did so every time it was tried: queue the images again once the source is well.
    """

    code = "source_unavailable"
    retryable = True
    shared_cause = True


class LoaderRefused(ReindexFailure):
    """The library's image loader refused the image: an answer of 400 to 499, but 404 and 429.

    The detail is what it said. Mend the image, or the loader's key, and queue the image again.
    """

    code = "loader_refused"
    shared_cause = True


class LoaderAnswer(ReindexFailure):
    """The library's image loader, or its own projection function, answered with no document.

    The message says what is wrong with it: `reindex check-projector` asks for such answers.
    """

    code = "loader_answer"
    shared_cause = True


class IndexRefused(ReindexFailure):
    """The cluster refused the document: its mapping or a limit does not allow it.

    The detail is the index's reason: mend the mapping, and queue the images again.
    """

    code = "index_refused"
    shared_cause = True


class IndexUnavailable(ReindexFailure):
    """The cluster answered, but did not take this document, each time for over half an hour.

    The detail is its reason: mend the shard or the load that it names, and queue the image again.
    """

    code = "index_unavailable"
    retryable = True
    shared_cause = True


class DocumentMissing(ReindexFailure):
    """Enqueued, the queue is empty, and the index holds no document of this image.

    Look into the dead-letter queue, and whether something deletes documents; queue it again.
    """

    code = "document_missing"
    retryable = True


class DocumentSuperseded(ReindexFailure):
    """Enqueued, the queue is empty, and the index holds somebody else's document.

    A live writer was quicker each time: the document is newer than ours. Queue it again.
    """

    code = "document_superseded"
    retryable = True


class DeadLettered(ReindexFailure):
    """Its message was set aside, and an operator sent the image round again.

    Nothing: it is in work. Should it come back, the detail says why its message was set aside.
    """

    code = "dead_lettered"


class MessageDiscarded(ReindexFailure):
    """An operator gave the image up together with its message in the dead-letter queue.

    Queue it again when the cause, which the detail names, is mended.
    """

    code = "message_discarded"


class ProjectionDied(ReindexFailure):
    """The projection lambda died on this image, alone, as often as it was tried.

    Out of memory, or out of time: the detail says which. Look at the original, and report it.
    """

    code = "projection_died"
    # A lambda may also be killed for no fault of its image.
    retryable = True
    shared_cause = True

    @classmethod
    def of_one_image(cls, death: ProjectorDied) -> Failure:
        """Return the failure of an image that was the only one of the call that died."""
        return cls("the projection died on this image, alone", str(death)).as_failure()


class WorkerDied(ReindexFailure):
    """A batch-index worker died with this image in progress, more often than is bounded.

    Look at the worker's logs. Its neighbours went on; queue it again alone.
    """

    code = "worker_died"
    retryable = True


class SubmissionGone(ReindexFailure):
    """The submitted file was deleted from the ingest bucket before it was processed.

    Submit it again if it is wanted.
    """

    code = "submission_gone"


class SubmissionTooLarge(ReindexFailure):
    """The submitted file is larger than the stage accepts.

    Submit a smaller one, or raise ``ingest.max_megabytes`` of the stage.
    """

    code = "submission_too_large"


class SubmissionDied(ReindexFailure):
    """The ingest function ended three times, of memory or of time, while it processed the file.

    Look at the file, which is in the failed bucket, and report it.
    """

    code = "submission_died"


class ArchiveConflict(ReindexFailure):
    """The archive has an original with this id and other bytes. It was not overwritten.

    Compare the two: one of them is damaged, or the library's ids are no hashes of the bytes.
    """

    code = "archive_conflict"


class CannotRender(ReindexFailure):
    """The file's pixels cannot be decoded, so that no rendition can be made.

    Look at the file: it is damaged, or uses a feature of its format that is not read.
    """

    code = "cannot_render"


class UnexpectedError(ReindexFailure):
    """Something failed in a way we did not foresee; the detail names the exception.

    Look at the projection's logs for the whole of it, and report it.
    """

    code = "unexpected"
    shared_cause = True


#: Codes of the failures whose cause we do not know: they rest as ``unknown_error``.
UNEXPLAINED = frozenset(
    {UnexpectedError.code, ProjectionDied.code, WorkerDied.code, SubmissionDied.code}
)


def shared_cause_codes() -> frozenset[str]:
    """Codes of the failures whose cause lies outside of the image."""
    return frozenset(kind.code for kind in ReindexFailure.__subclasses__() if kind.shared_cause)


class InternalFailure(Exception):
    """Not one image's failure but the run's: it ends a tick, a command or a call."""


class StoreUnavailable(InternalFailure):
    """A service did not answer, after every retry that its store makes."""


class IndexMisconfigured(InternalFailure):
    """The index cannot be used: missing, closed, not permitted, or not set up as needed."""


class CredentialsRejected(IndexMisconfigured):
    """The cluster does not know the credentials that the stage's secret holds."""


class IndexGone(IndexMisconfigured):
    """The index that the run writes to was deleted; one of that name may have been made since."""


class NoTimeLeft(InternalFailure):
    """No time is left for an image in this call: a later one begins it anew."""


class ProjectorDied(InternalFailure):
    """The projection lambda died on a batch; which image killed it is not known yet."""


class SourceUnusable(InternalFailure):
    """Where a run should take its ids from is not what it should be."""
