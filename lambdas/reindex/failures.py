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

#: A failure's texts are cut to these lengths, so that a progress row stays under 1 KB
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
    """

    code: str
    message: str
    detail: str = ""
    retryable: bool = False

    @property
    def fingerprint(self) -> str:
        """Eight hex digits shared by like failures: same code and message, numbers and ids aside."""
        like = re.sub(r"[0-9a-fA-F]{8,}|\d+", "#", f"{self.code}|{self.message}")
        return hashlib.sha256(like.encode()).hexdigest()[:8]


class ReindexFailure(Exception):
    """A failure of one image that we understand.

    Args:
        message: What happened, for people. It must not contain the image's id, so that
            like failures share a fingerprint.
        detail: What engineers want to see beside it.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def as_failure(self) -> Failure:
        """Return this failure as data, its texts cut to what a row holds."""
        return Failure(
            self.code, self.message[:MAX_MESSAGE], self.detail[:MAX_DETAIL], self.retryable
        )


class OriginalNotFound(ReindexFailure):
    """The original does not exist in the originals bucket."""

    code = "not_found"


class NotAnImage(ReindexFailure):
    """The original's bytes are of no image format."""

    code = "not_an_image"


class UnsupportedFormat(ReindexFailure):
    """The original is an image of a format we do not read."""

    code = "unsupported_format"


class TruncatedImage(ReindexFailure):
    """The original ends or breaks before its dimensions can be read."""

    code = "truncated"


class TooManyPixels(ReindexFailure):
    """The header declares dimensions beyond the bound: refused before anything is decoded."""

    code = "too_many_pixels"


class SourceForbidden(ReindexFailure):
    """A source of truth refused us: an error of permissions, never a missing image."""

    code = "source_forbidden"


class SourceUnavailable(ReindexFailure):
    """A source of truth did not answer, or changed while it was read."""

    code = "source_unavailable"
    retryable = True
