"""The provenance of a document in the index, and the version that a write replaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain import stamps

#: The run id in the provenance of documents that the live lane wrote.
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Guard:
    """The version of a document that a write expects to replace (optimistic concurrency)."""

    seq_no: int
    primary_term: int

    @property
    def is_valid(self) -> bool:
        """True if it can be the version of a document."""
        return all(type(n) is int and n >= 0 for n in (self.seq_no, self.primary_term))


#: The field of a document that holds its provenance.
PROVENANCE: Final = "esInfo.reindex"

#: The part of it that says when that was.
PROVENANCE_TIME: Final = "esInfo.reindex.projectedAt"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The projection that wrote a document: ``esInfo.reindex``.

    Attributes:
        digest: Of the projection.
        run_id: The run that projected it.
        stage: The deployment of that run; empty in documents of releases before 0.2.
    """

    digest: str
    run_id: str
    stage: str = ""

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Provenance | None:
        """Read it from a document; None if no reindex wrote that document.

        Other programs write to the index, so a field of another form is treated as theirs.
        """
        es_info = source.get("esInfo")
        found = es_info.get("reindex") if isinstance(es_info, Mapping) else None
        if not isinstance(found, Mapping):
            return None
        values = [found.get(name, "") for name in ("digest", "runId", "stage")]
        if not all(isinstance(value, str) for value in values) or not values[0]:
            return None
        return cls(*values)

    @property
    def is_live(self) -> bool:
        """True if the live lane wrote the document, and not a run."""
        return self.run_id == LIVE

    def is_of(self, digest: str | None, run_id: str | None) -> bool:
        """Return True if it names this digest and this run."""
        return (self.digest, self.run_id) == (digest, run_id)


@dataclass(frozen=True, slots=True)
class Indexed:
    """An image's document, as a realtime read of the index found it.

    Attributes:
        guard: The version found.
        source: The requested fields as they are stored: any program may have written them.
        provenance: The projection that wrote it; None if no reindex did.
        modified_at: Epoch seconds of its latest time stamp; None if it has none.
    """

    guard: Guard
    source: Mapping[str, Any]
    provenance: Provenance | None
    modified_at: float | None

    @classmethod
    def of(cls, guard: Guard, source: Mapping[str, Any]) -> Indexed:
        """Read a stored document."""
        return cls(guard, source, Provenance.of(source), stamps.modified_at(source))
