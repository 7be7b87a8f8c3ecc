"""Fill rates: the documents of the index that have each field, at the end of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.failures import SourceUnusable
from reindex.reports.searchable_fields import SearchableField, searchable_fields
from reindex.stores.interfaces.index import Index

#: Fields that are counted, at most: each costs a request, and space in every later report.
MOST_FIELDS: Final = 150

#: A rate that fell by more than so many percentage points is pointed out.
NOTED_POINTS: Final = 1.0

_DYNAMIC: Final = (True, "true")


@dataclass(frozen=True, slots=True)
class FieldRate:
    """The share of the documents that has a field.

    Attributes:
        path: The field's dotted name.
        percent: The share now; None if the field is not counted any more.
        before: The share after the run before; None if the field was not counted then.
    """

    path: str
    percent: float | None
    before: float | None

    @property
    def points(self) -> float:
        """The change in percentage points; 0 if it is not known."""
        if self.percent is None or self.before is None:
            return 0.0
        return self.percent - self.before

    @property
    def fell(self) -> bool:
        """True if it fell by more than :data:`NOTED_POINTS`."""
        return self.points < -NOTED_POINTS


def count_filled(index: Index, name: str) -> dict[str, int]:
    """Count the documents of an index that can be found by each field of its mapping.

    Fields of dynamic objects, which differ by file, are left out; so is a field of a type that
    searches do not find.

    Args:
        index: The cluster.
        name: Of the index, which is searched as it was refreshed last.

    Returns:
        Documents by the field's dotted name, and all documents by the empty name.

    Raises:
        StoreUnavailable: The cluster does not answer.
    """
    counts = {"": index.count(name, {"match_all": {}})}
    for field in fixed_fields(index.mapping(name)):
        try:
            counts[field.path] = index.count(name, field.exists())
        except SourceUnusable:
            continue
    return counts


def fixed_fields(mapping: Mapping[str, Any]) -> list[SearchableField]:
    """Return the first fields of a mapping that documents hold by name, dynamic objects left out.

    Args:
        mapping: Of an index: ``properties``.
    """
    found = [field for field in searchable_fields(_without_dynamic(mapping)) if field.in_source]
    return found[:MOST_FIELDS]


def _without_dynamic(mapping: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: _without_dynamic(each) if "properties" in each else each
        for name, each in mapping.get("properties", {}).items()
        if each.get("dynamic") not in _DYNAMIC
    }
    return {**mapping, "properties": kept}


def field_rates(now: Mapping[str, int], before: Mapping[str, int]) -> list[FieldRate]:
    """Return the rate of each field that some document has or had, the largest fall first.

    Args:
        now: Counts of :func:`count_filled`.
        before: Those counts after the run before; empty if there was none.
    """
    rates = (
        FieldRate(path, percent(now, path), percent(before, path))
        for path in sorted({*now, *before} - {""})
        if now.get(path) or before.get(path)
    )
    return sorted(rates, key=lambda rate: rate.points)


def fallen(report: Mapping[str, Any]) -> Iterator[FieldRate]:
    """Yield the fields that fewer documents have than after the run before, by a stored report."""
    rates = field_rates(report.get("filled", {}), filled_before(report))
    return (rate for rate in rates if rate.fell)


def filled_before(report: Mapping[str, Any]) -> Mapping[str, int]:
    """Return the counts of the latest run before that has any, by a stored report."""
    for earlier in reversed(report.get("earlier", ())):
        if counts := earlier.get("filled"):
            found: Mapping[str, int] = counts
            return found
    return {}


def percent(counts: Mapping[str, int], path: str) -> float | None:
    """Return the percentage of the documents that have a field; None if it was not counted.

    Args:
        counts: Of :func:`count_filled`.
        path: The field's dotted name.
    """
    if path not in counts or not counts.get(""):
        return None
    return 100 * counts[path] / counts[""]
