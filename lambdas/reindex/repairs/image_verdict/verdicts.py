"""The verdict on an image, with the causes that it may name."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum

from reindex.repairs.image_evidence import Evidence


class Cause(StrEnum):
    """Why an image is found, or not."""

    SEARCHABLE = "searchable"
    NO_THUMBNAIL = "no_thumbnail"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a cause, and no secret
    INDEX_UNUSABLE = "index_unusable"
    CLUSTER_RED = "cluster_red"
    UNKNOWN_ID = "unknown_id"
    ORIGINAL_DELETED = "original_deleted"
    ORPHAN = "orphan"
    HIDDEN = "hidden"
    SOFT_DELETED = "soft_deleted"
    FORBIDDEN = "forbidden"
    ARCHIVED = "archived"
    CANNOT_BE_PROJECTED = "cannot_be_projected"
    NEVER_UPLOADED = "never_uploaded"
    UNREADABLE_ROW = "unreadable_row"
    DEAD_LETTER = "dead_letter"
    INDEX_REFUSES = "index_refuses"
    FAILED = "failed"
    RUN_PAUSED = "run_paused"
    RUN_HELD = "run_held"
    RUN_DEAD = "run_dead"
    SCHEDULE_OFF = "schedule_off"
    QUEUE_FULL = "queue_full"
    INDEXER_OFF = "indexer_off"
    NO_RUN = "no_run"
    IN_WORK = "in_work"
    STALE = "stale"
    DOCUMENT_LOST = "document_lost"
    UNDECIDED = "undecided"


#: Causes of images that a search finds, and whose document is true.
_FINE = frozenset({Cause.SEARCHABLE, Cause.NO_THUMBNAIL})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion from the evidence.

    Attributes:
        cause: Why the image is found, or not.
        sentence: The same for people: one sentence.
        command: The one command that leads on.
    """

    cause: Cause
    sentence: str
    command: str

    @property
    def is_fine(self) -> bool:
        """True if a search finds the image, and its document is true."""
        return self.cause in _FINE


def undecided(e: Evidence, what: str = "what was found fits no rule") -> Verdict:
    """Return the verdict that the evidence does not suffice, with the reason."""
    return Verdict(
        Cause.UNDECIDED,
        f"It cannot be decided yet: {what.rstrip('.')}.",
        f"reindex explain {shlex.quote(e.image_id)}",
    )
