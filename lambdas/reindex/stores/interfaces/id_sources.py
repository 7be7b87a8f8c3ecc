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
    """A source of ids of images to reindex."""

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut it into disjoint parts that together contain every id.

        Args:
            at_most: Most parts; 1 for the whole as the only one.

        Raises:
            SourceUnusable: It does not exist, or has an unexpected form.
        """
        ...

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Return a page of the ids of a part; a repeated call may show changes.

        Raises:
            SourceUnusable: It does not exist, or has an unexpected form.
        """
        ...
