"""The summary of an audit, as it is stored: what was found, in words, and what to do about it.

Its form, JSON, is read by ``reindex audit``, by the page, and by whatever else shows it::

    {
      "audit_id": "20261130-231500-ab12", "started_at": ISO, "ended_at": ISO, "deep": false,
      "clean": false,
      "listed": {"originals": 40000000, "documents": 39999990, ...},
      "originals_by_prefix": {"00": 156250, ...},
      "reference": the audit that the sizes of listings were compared with, or null,
      "shrunk": [{"listing": "crops", "prefix": "", "before": 100, "now": 0}],
      "notes": ["..."],
      "classes": [{
        "name": "original_without_document", "title": "...", "count": 10, "examples": ["id", ...],
        "looked_again": true, "doubtful": false,
        "advice": "...", "command": "reindex ..." or null,
        "ids": prefix of the files of all ids, in the run's bucket
      }, ...]
    }

``classes`` has all classes, also those without images, in the order of
:class:`reindex.domain.audit_classes.ImageClass`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from reindex.domain.audit import ABSENT_FROM, Counted, Shrunk
from reindex.domain.audit_classes import ImageClass

#: The folder of the files that the commands name: ``reindex audit --lists audit`` writes them.
FOLDER: Final = "audit"


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The images that an audit found of one class.

    Attributes:
        name: The class.
        count: Images in it.
        examples: Ids of some of them.
        ids: Prefix of the files with all their ids.
        looked_again: Whether each was looked up again before it was counted.
    """

    name: ImageClass
    count: int
    examples: Sequence[str]
    ids: str
    looked_again: bool


@dataclass(frozen=True, slots=True)
class _Words:
    """The words for a class.

    Attributes:
        title: The fault of its images.
        advice: The meaning, and the cure.
        command: Template of the command, with ``{file}`` for the file of ids.
    """

    title: str
    advice: str
    command: str


_REINDEX: Final = "reindex start --source file --file {file} --watch"
_EXPLAIN: Final = 'reindex explain "$(head -n 1 {file})"'

_WORDS: Final[Mapping[ImageClass, _Words]] = {
    ImageClass.ORIGINAL_WITHOUT_DOCUMENT: _Words(
        "Originals without a document",
        "A search does not find these images. Reindex them: the report then says why one fails.",
        _REINDEX,
    ),
    ImageClass.DOCUMENT_WITHOUT_ORIGINAL: _Words(
        "Documents without an original",
        "A search finds these images, and nothing can be shown of them. Restore the originals, or "
        "delete the images as the library deletes images. Explain shows how to restore one.",
        _EXPLAIN,
    ),
    ImageClass.ROWS_WITHOUT_ORIGINAL: _Words(
        "User data without an original",
        "The library's tables hold rows about images that do not exist. Restore the originals, or "
        "delete the rows as the library deletes images. Explain shows the rows of one.",
        _EXPLAIN,
    ),
    ImageClass.UPLOADED_WITHOUT_ORIGINAL: _Words(
        "Ids in the progress table without an original",
        "A run looks for each original again; those that it does not find may be forgotten.",
        f"{_REINDEX} && reindex forget --ids {{file}} --state not_found --yes",
    ),
    ImageClass.STALE_DOCUMENT: _Words(
        "Documents that are older than their truth, or other than it",
        "What people see of these images is not what would be projected now. Reindex them.",
        _REINDEX,
    ),
    ImageClass.THUMBNAIL_MISSING: _Words(
        "Originals without a thumbnail",
        "Let the library make the thumbnails, then reindex these images.",
        _REINDEX,
    ),
    ImageClass.OPTIMISED_PNG_MISSING: _Words(
        "Documents that name an optimised PNG that does not exist",
        "Let the library make the PNGs anew, then reindex these images.",
        _REINDEX,
    ),
    ImageClass.CROP_NOT_IN_DOCUMENT: _Words(
        "Crops that the document does not name",
        "People do not see these crops. Reindex the images.",
        _REINDEX,
    ),
    ImageClass.CROP_MISSING: _Words(
        "Documents that name a crop that does not exist",
        "Restore the crops, or reindex the images: their documents then no longer name them.",
        _REINDEX,
    ),
    ImageClass.NEVER_UPLOADED: _Words(
        "Originals whose id was never uploaded",
        "No run knows of these images. Reindex them.",
        _REINDEX,
    ),
    ImageClass.DOCUMENT_OF_NO_RUN: _Words(
        "Documents that neither a run nor the live lane wrote",
        "It is not known if these documents match the truth. Reindex them.",
        _REINDEX,
    ),
}


def file_of(name: str, folder: str = FOLDER) -> str:
    """Return the path of the file with the ids of a class."""
    return f"{folder}/{name}.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """The result of an audit.

    Attributes:
        audit_id: Of the audit.
        started_at: ISO 8601.
        ended_at: ISO 8601.
        deep: Whether all images were projected.
        counted: The counts of its parts.
        classes: One for each class.
        reference: The audit that the sizes of listings were compared with; None for the first.
        shrunk: Listings that have shrunk sharply.
        accept_shrunk: Whether they are right: then they are no fault, and later audits compare with
            this one.
        open_run: The run that was open at its end; None when none was.
    """

    audit_id: str
    started_at: str
    ended_at: str
    deep: bool
    counted: Counted
    classes: Sequence[ClassResult]
    reference: str | None
    shrunk: Sequence[Shrunk]
    accept_shrunk: bool
    open_run: str | None

    def summary(self) -> dict[str, Any]:
        """Return the summary, in the form that is described above."""
        in_doubt = [] if self.accept_shrunk else self.shrunk
        doubted = {each.listing for each in in_doubt}
        return {
            "audit_id": self.audit_id,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "deep": self.deep,
            "clean": not in_doubt and not any(found.count for found in self.classes),
            "listed": self.counted.listed,
            "originals_by_prefix": self.counted.originals,
            "reference": self.reference,
            "shrunk": [asdict(each) for each in in_doubt],
            "notes": list(self._notes()),
            "classes": [_class(found, doubted) for found in self.classes],
        }

    def _notes(self) -> Iterator[str]:
        if self.accept_shrunk:
            for each in self.shrunk:
                yield f"{_has_shrunk(asdict(each))}: accepted."
        elif self.shrunk:
            yield (
                f"Compared with audit {self.reference}, the last one of which no listing was in "
                "doubt. Later audits are compared with it, too, until their listings are as large "
                "again. If the present sizes are right, reindex audit --accept-shrunk says so."
            )
        if self.open_run:
            yield (
                f"Run {self.open_run} is open: what it has not come to yet may be among the "
                "findings."
            )
        unconfirmed = [found.name for found in self.classes if not found.looked_again]
        if unconfirmed:
            yield (
                "Too many to be looked at again, so counted as they were listed: "
                f"{', '.join(unconfirmed)}. What changed during the audit may be among them."
            )


def counted_of(summary: Mapping[str, Any] | None) -> Counted:
    """Return the sizes of listings that a summary has; none of None."""
    if summary is None:
        return Counted()
    return Counted(summary["listed"], summary["originals_by_prefix"])


def shrunk_in_words(each: Mapping[str, Any]) -> str:
    """Return what is said of a listing that has shrunk, of its entry in the summary."""
    return f"{_has_shrunk(each)}: was a bucket, a prefix or a permission lost?"


def _has_shrunk(each: Mapping[str, Any]) -> str:
    what = each["listing"].replace("_", " ")
    if each["prefix"]:
        what += f" with ids that begin with {each['prefix']}"
    return f"The listing of {what} has shrunk from {each['before']:,} to {each['now']:,}"


def _class(result: ClassResult, doubted: set[str]) -> dict[str, Any]:
    words = _WORDS[result.name]
    absent_from = ABSENT_FROM.get(result.name)
    doubtful = bool(result.count) and absent_from in doubted
    advice = words.advice
    if doubtful:
        advice = (
            f"The listing of {absent_from} has shrunk sharply, so do nothing about these yet: "
            f"find out why, and audit again. {advice}"
        )
    command = words.command.format(file=file_of(result.name))
    return {
        "name": result.name,
        "title": words.title,
        "count": result.count,
        "examples": list(result.examples),
        "looked_again": result.looked_again,
        "doubtful": doubtful,
        "advice": advice,
        "command": command if result.count and not doubtful else None,
        "ids": result.ids,
    }
