"""The search index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from reindex.domain.provenance import Guard, Indexed


class Verdict(Enum):
    """The outcome of one write.

    ``UNAVAILABLE``: there was no answer; the document may have been written.
    ``NOT_TAKEN``: the answer for this document was 429 or 5xx.
    """

    WRITTEN = auto()
    CONFLICT = auto()
    REFUSED = auto()
    UNAVAILABLE = auto()
    NOT_TAKEN = auto()


@dataclass(frozen=True, slots=True)
class IndexWrite:
    """A document to write under a guard; to create when there is none.

    Attributes:
        document: Its values, or JSON text that fits a line of a bulk.
    """

    id: str
    guard: Guard | None
    document: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The verdict on one write, and the index's reason when it was refused."""

    verdict: Verdict
    reason: str = ""


class Index(Protocol):
    """The search indices. Every call names a concrete index, or an alias.

    The name may include the cluster, see :mod:`reindex.domain.index_names`. Every call raises
    :class:`reindex.domain.failures.IndexMisconfigured` when that index cannot be used, and its
    subclass ``IndexGone`` when it, or its cluster, does not exist.
    """

    def resolve(self, alias: str) -> str:
        """Return the one concrete index behind an alias.

        Raises:
            IndexMisconfigured: There is none, or more than one.
        """
        ...

    def uuid(self, index: str) -> str:
        """Return the index's UUID; another index of the same name would have another one."""
        ...

    def denied_operations(self, index: str) -> list[str]:
        """Return the operations that a run needs and the index denies; change nothing."""
        ...

    def mapping_gaps(self, index: str) -> list[str]:
        """Return what the index's mapping lacks for our documents; empty if it accepts them."""
        ...

    def mapping(self, index: str) -> Mapping[str, Any]:
        """Return the index's mapping: ``dynamic``, ``properties``."""
        ...

    def misfits(self, index: str) -> dict[str, str]:
        """Return the fields whose mapping may reject a value of our documents, with the reason.

        See :func:`reindex.image.misfits.misfits`.
        """
        ...

    def health(self, index: str) -> str:
        """Return the health of the index's whole cluster: ``green``, ``yellow`` or ``red``."""
        ...

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        """Return fields of documents by realtime multi-get; absent documents are left out.

        Args:
            index: The concrete index.
            ids: Of the images.
            fields: Dotted names; ``*`` for all.
        """
        ...

    def sample(
        self, index: str, size: int, seed: int, query: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return the ids of a random sample: the same for a seed, while nothing is written.

        Args:
            index: The concrete index.
            size: Most ids; 10,000 at most.
            seed: Of the random numbers.
            query: Only documents that match it.

        Raises:
            SourceUnusable: The index rejects the query.
        """
        ...

    def count(self, index: str, query: Mapping[str, Any]) -> int:
        """Return the number of documents that match a query.

        Raises:
            SourceUnusable: The index rejects the query.
        """
        ...

    def finds(self, alias: str, image_id: str) -> bool:
        """Return True if a search through the alias finds a document.

        False for one that the alias's filter hides, and for one written since the last refresh.
        """
        ...

    def refresh(self, index: str) -> None:
        """Make earlier writes searchable, if we are allowed to refresh the index."""
        ...

    def search_ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        """Return the ids of the documents that match a query best, best first.

        Args:
            index: The concrete index.
            query: In the index's own language.
            size: Most ids; 10,000 at most.

        Raises:
            SourceUnusable: The index rejects the query.
        """
        ...

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield all documents of a point in time, in no order.

        The last writes may not be among them.

        Args:
            index: The concrete index.
            fields: Dotted names; ``*`` for all.
        """
        ...

    def write(
        self, index: str, writes: Sequence[IndexWrite], uuid: str | None = None
    ) -> list[WriteResult]:
        """Write documents in bulk; one result per write, in order.

        Args:
            index: The concrete index.
            writes: Each succeeds or fails alone.
            uuid: Of the index; None for any index of that name.

        Raises:
            IndexGone: There is no such index, or another has its name.
        """
        ...

    def delete(self, index: str, image_id: str, guard: Guard) -> Verdict:
        """Delete one document on condition that it still has a version."""
        ...
