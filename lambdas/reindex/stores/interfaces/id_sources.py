"""The sources of the ids of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reindex.stores.interfaces.paging import Cursor

Part = Mapping[str, Any]
"""A part of a source of ids; opaque, but small and JSON."""


@dataclass(frozen=True, slots=True)
class IdPage:
    """A page of ids.

    Attributes:
        ids: Of images.
        next: Where the next page begins; None at the end.
        archived: How many of them are known to be in an archive, where a listing shows it.
    """

    ids: Sequence[str]
    next: Cursor | None
    archived: int = 0


class IdSource(Protocol):
    """Where the ids of images to reindex can be found."""

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut it into disjoint parts that hold every id together.

        Args:
            at_most: Parts; of 1, the only one is the whole.

        Raises:
            SourceUnusable: It is not what it should be.
        """
        ...

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Page through the ids of a part; asked again, it may show what has changed since.

        Raises:
            SourceUnusable: It is not what it should be.
        """
        ...
