"""The result of a rehearsal, and the reasons not to start a run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from reindex.domain.failures import Failure
from reindex.reports.cost import PerImage
from reindex.reports.field_changes import EXAMPLES, FieldChange, FieldChanges
from reindex.reports.forecast import Forecast
from reindex.text import counted


@dataclass(slots=True)
class Group:
    """Images that have something in common.

    Attributes:
        message: What it is, in words.
        count: How many there are.
        examples: Ids of some.
    """

    message: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, image_id: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(image_id)


@dataclass(slots=True)
class RehearsalResult:
    """The result of a rehearsal.

    Attributes:
        index: The concrete index that it compared with.
        images: How many were asked for.
        changes: What becomes of the fields of those that have a document and can be projected.
        identical: Documents that would be written anew as they are.
        new: Images that have no document and would get one.
        failures: By code: their documents would stay as they are.
        refused: Reasons for which the index would refuse a document.
        refused_documents: How many it would refuse.
        image_seconds: Of each projection call, how long it took for each of its images.
        requests: To S3, as the projection counted them.
        bytes_read: Of originals, as above.
    """

    index: str
    images: int = 0
    changes: FieldChanges = field(default_factory=FieldChanges)
    identical: int = 0
    new: int = 0
    failures: dict[str, Group] = field(default_factory=dict)
    refused: dict[str, Group] = field(default_factory=dict)
    refused_documents: int = 0
    image_seconds: list[float] = field(default_factory=list)
    requests: int = 0
    bytes_read: int = 0

    @property
    def projected(self) -> int:
        """The number of documents that were built."""
        return self.changes.documents + self.new

    @property
    def per_image(self) -> PerImage:
        """Return the AWS resources that one image takes, as far as the rehearsal measured them.

        The median of the calls, for the first ones wait for functions to start.
        """
        usual = PerImage()
        if not self.projected:
            return usual
        return replace(
            usual,
            projection_seconds=statistics.median(self.image_seconds),
            reads=usual.reads + max(0.0, self.requests / self.projected - 1),
        )

    def note_failure(self, image_id: str, failure: Failure) -> None:
        """Count an image that cannot be projected."""
        self.failures.setdefault(failure.code, Group(failure.message)).add(image_id)

    def note_refusals(self, image_id: str, reasons: Sequence[str]) -> None:
        """Count the document of an image that the index would refuse, if there are reasons."""
        self.refused_documents += bool(reasons)
        for reason in reasons:
            self.refused.setdefault(reason, Group(reason)).add(image_id)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Which losses are accepted.

    Attributes:
        percent: Percentage points by which the share of documents that hold a field may fall.
        accepted: Fields that may go, with all below them.
    """

    percent: float = 0.5
    accepted: Sequence[str] = ()

    def allows(self, change: FieldChange, documents: int) -> bool:
        """Return True if what becomes of a field is accepted."""
        return change.fall(documents) <= self.percent or self.accepts(change.path)

    def accepts(self, path: str) -> bool:
        """Return True if a field, or an object that it is in, is accepted by name."""
        return any(
            path == name or path.startswith((f"{name}.", f"{name}[")) for name in self.accepted
        )


def verdict(found: RehearsalResult, tolerance: Tolerance) -> list[str]:
    """Return why a run should not be started, as sentences; empty when the rehearsal passed."""
    documents = found.changes.documents
    problems = [
        f"{change.path}: {change.before:,} of {counted(documents, 'document')} hold it now, "
        f"{change.after:,} would"
        for change in found.changes.by_harm()
        if not tolerance.allows(change, documents)
    ]
    if found.images and not found.projected:
        problems.append("no image of the sample can be projected")
    return problems


def to_json(
    found: RehearsalResult, tolerance: Tolerance, cost: Forecast, *, seed: int | None
) -> dict[str, Any]:
    """Return all of it as it is printed with ``--json``, and as the page is made of."""
    documents = found.changes.documents
    return {
        "index": found.index,
        "seed": seed,
        "images": found.images,
        "compared": documents,
        "identical": found.identical,
        "new": found.new,
        "tolerate_percent": tolerance.percent,
        "accepted": list(tolerance.accepted),
        "passed": not verdict(found, tolerance),
        "problems": verdict(found, tolerance),
        "fields": [
            {
                **asdict(change),
                "fill_before": _percent(change.before, documents),
                "fill_after": _percent(change.after, documents),
                "allowed": tolerance.allows(change, documents),
            }
            for change in found.changes.by_harm()
        ],
        "failures": {code: asdict(group) for code, group in found.failures.items()},
        "refused_documents": found.refused_documents,
        "refused": [asdict(group) for group in found.refused.values()],
        "forecast": cost.to_json(),
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
