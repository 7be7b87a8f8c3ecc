"""Searches that a library saved, and what they find in two indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from reindex.settings import SettingsError
from reindex.strict_json import read

#: Best hits of a search that are compared.
TOP: Final = 50


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search to run on both indices.

    Attributes:
        query: In the cluster's query language.
        name: For people; None to show the query.
        must_find: Ids of images that the new index must find, at any rank.
    """

    query: Mapping[str, Any]
    name: str | None = None
    must_find: tuple[str, ...] = ()


def read_searches(raw: Any, where: str) -> list[SavedSearch]:
    """Read the searches of a file.

    Args:
        raw: The parsed JSON: a list of objects.
        where: Begins the message of an error.

    Raises:
        SettingsError: It is another value, or a search in it is invalid.
    """
    if not isinstance(raw, list):
        raise SettingsError(f"{where} must be a list of searches")
    return [read(SavedSearch, each, f"{where}: search {n}") for n, each in enumerate(raw, 1)]


@dataclass(frozen=True, slots=True)
class Hits:
    """The result of a search in one index.

    Attributes:
        count: Documents that match; None where the index refuses the query.
        top: Ids of the best of them, best first.
        refused: Why the index refuses the query; empty if it does not.
    """

    count: int | None = None
    top: Sequence[str] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The results of one search in both indices.

    Attributes:
        name: Of the search.
        before: In the old index.
        after: In the new index.
        still_found: How many of the best hits of the old index the new one finds, at any rank.
        not_found: Ids that must be found in the new index, and are not.
    """

    name: str
    before: Hits
    after: Hits
    still_found: int = 0
    not_found: Sequence[str] = ()

    @property
    def overlap(self) -> float:
        """The share of the best hits that both indices have in common, from 0 to 1."""
        most = max(len(self.before.top), len(self.after.top))
        return len({*self.before.top} & {*self.after.top}) / most if most else 1.0

    def problems(self) -> Iterator[str]:
        """Yield why the new index should not replace the old one."""
        if self.after.refused and not self.before.refused:
            yield f"search {self.name}: {self.after.refused}"
        if self.not_found:
            yield f"search {self.name}: the new index does not find {', '.join(self.not_found)}"

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "overlap": round(self.overlap, 4)}
