"""The differences between two indices' documents and fields, and if they may be accepted.

Counts are kept per field and never per document, so memory does not grow with the indices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from reindex.reports.contents import Contents
from reindex.reports.field_changes import FieldChanges, flatten, shortened
from reindex.reports.rehearsal import Tolerance
from reindex.reports.saved_searches import SearchResult
from reindex.text import counted

#: Ids kept as examples of each kind of difference.
EXAMPLES: Final = 5

#: Distinct values up to which the distribution of a field's values is shown.
MOST_VALUES: Final = 20

#: Characters of a value up to which it can be one of few.
_LONGEST_VALUE: Final = 100

#: Fields that are counted by their own name: this bounds memory where documents bring names of
#: their own without end. All others are counted together as OTHER_FIELDS.
MAX_FIELDS: Final = 20_000
OTHER_FIELDS: Final = "(all other fields)"


@dataclass(slots=True)
class Documents:
    """Documents that have something in common.

    Attributes:
        count: How many there are.
        examples: Ids of some.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, image_id: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(image_id)


@dataclass(frozen=True, slots=True)
class Searchable:
    """The number of documents that a search by a field finds, in both indices at about one time.

    Attributes:
        before: In the old index; None where its mapping does not index the field.
        after: In the new index; None where its mapping does not index it.
        of_before: All documents of the old index at that time.
        of_after: All documents of the new index at that time.
    """

    before: int | None = None
    after: int | None = None
    of_before: int = 0
    of_after: int = 0

    @property
    def shares(self) -> tuple[float, float]:
        """Which share of the documents a search finds, old and new, in percent."""
        return _percent(self.before or 0, self.of_before), _percent(self.after or 0, self.of_after)


@dataclass(frozen=True, slots=True)
class FieldFill:
    """The number of documents that have a field, and of those that can be found by it.

    Attributes:
        path: Its dotted name.
        before: Documents of the old index that hold it.
        after: Documents of the new index that hold it.
        missing: Documents of the old index that hold it, and that the new one does not hold.
        lost: Documents of both indices that hold it in the old one alone.
        gained: Documents of both indices that hold it in the new one alone.
        searchable: Documents that a search by the field finds.
    """

    path: str
    before: int
    after: int
    missing: int
    lost: Documents
    gained: int
    searchable: Searchable


@dataclass(slots=True)
class ValueCounts:
    """The number of documents that have each value of a field.

    Attributes:
        before: Documents of the old index, by value.
        after: Documents of the new index, by value.
    """

    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampledDocument:
    """One document of both indices, next to each other.

    Attributes:
        id: Of the image.
        differences: Path, old value and new value of each field that differs; None for a field
            that is not held. Long values are cut.
    """

    id: str
    differences: Sequence[tuple[str, Any, Any]]


@dataclass(slots=True)
class Compared:
    """The result of a comparison.

    Attributes:
        old: The old index.
        new: The new index.
        keywords: Fields of which values are counted, as long as they have few.
        both: Documents that both indices hold.
        missing: Documents of the old index that the new one does not hold.
        extra: Documents of the new index that the old one does not hold.
        values: Of the fields that have few values, by path.
        searchable: Documents that a search by a field finds, by path.
        settled: Documents that differed at first, and did not when they were read again.
        changes: What becomes of the fields of a sample.
        sample: The documents of the sample.
        searches: What the saved searches found.
    """

    old: str
    new: str
    keywords: set[str] = field(default_factory=set)
    both: int = 0
    missing: Documents = field(default_factory=Documents)
    extra: Documents = field(default_factory=Documents)
    values: dict[str, ValueCounts] = field(default_factory=dict)
    searchable: dict[str, Searchable] = field(default_factory=dict)
    settled: int = 0
    changes: FieldChanges = field(default_factory=FieldChanges)
    sample: list[SampledDocument] = field(default_factory=list)
    searches: list[SearchResult] = field(default_factory=list)
    _paths: set[str] = field(default_factory=set)
    _before: Counter[str] = field(default_factory=Counter)
    _after: Counter[str] = field(default_factory=Counter)
    _missing: Counter[str] = field(default_factory=Counter)
    _gained: Counter[str] = field(default_factory=Counter)
    _lost: dict[str, Documents] = field(default_factory=dict)

    @property
    def documents(self) -> tuple[int, int]:
        """Return the number of documents of the old index, and of the new one."""
        return self.both + self.missing.count, self.both + self.extra.count

    @property
    def fields(self) -> dict[str, FieldFill]:
        """The counts of each field, by path."""
        return {
            path: FieldFill(
                path,
                self._before[path],
                self._after[path],
                self._missing[path],
                self._lost.get(path, Documents()),
                self._gained[path],
                self.searchable.get(path, Searchable()),
            )
            for path in self._paths | self.searchable.keys()
        }

    def add(self, image_id: str, before: Contents | None, after: Contents | None) -> None:
        """Count one document as it is in each index; None where it is not."""
        before, after = self._counted_names(before), self._counted_names(after)
        if before is not None and after is not None:
            self.both += 1
            for path in before.keys() - after.keys():
                self._lost.setdefault(path, Documents()).add(image_id)
            self._gained.update(after.keys() - before.keys())
        elif before is not None:
            self.missing.add(image_id)
            self._missing.update(before.keys())
        elif after is not None:
            self.extra.add(image_id)
        if before is not None:
            self._before.update(before.keys())
            self._count_values(before, is_new=False)
        if after is not None:
            self._after.update(after.keys())
            self._count_values(after, is_new=True)

    def add_to_sample(
        self, image_id: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Keep a document of both indices to be shown."""
        self.changes.add(image_id, before, after)
        old, new = flatten(before), flatten(after)
        differences = [
            (path, shortened(old.get(path)), shortened(new.get(path)))
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        ]
        self.sample.append(SampledDocument(image_id, differences))

    def fill_rates(self, fill: FieldFill) -> tuple[float, float]:
        """Return the share of documents that hold a field, old and new, in percent."""
        old, new = self.documents
        return _percent(fill.before, old), _percent(fill.after, new)

    def fall(self, fill: FieldFill) -> float:
        """Return by how many percentage points fewer documents hold a field.

        Documents that are missing count for neither index: they are a problem of their own. It is
        the greater of two falls: that among the documents of both indices, which documents that
        only the new one holds cannot hide, and that to all documents of the new one.
        """
        _, new = self.documents
        lost = _percent(fill.lost.count - fill.gained, self.both)
        before = _percent(fill.before - fill.missing, self.both)
        return max(lost, before - _percent(fill.after, new), 0.0)

    def searchable_fall(self, fill: FieldFill) -> float:
        """Return by how many percentage points fewer documents a search by a field finds.

        A fall that is there among all documents, and among those that hold the field as well: that
        fewer hold it is a fall of its own, see :meth:`fall`.
        """
        found = fill.searchable
        share, new_share = found.shares
        fewer = (found.before or 0) - (found.after or 0) - self.missing.count
        among_holders = _percent(fewer, found.of_before)
        if fill.before and fill.after:
            holding = (found.before or 0) / fill.before - (found.after or 0) / fill.after
            among_holders = holding * share
        return max(min(share - new_share, among_holders), 0.0)

    def by_harm(self) -> list[FieldFill]:
        """Return all fields, the one that falls furthest first."""
        return sorted(
            self.fields.values(),
            key=lambda f: (-self.fall(f), -self.searchable_fall(f), -f.lost.count, f.path),
        )

    def _counted_names(self, found: Contents | None) -> Contents | None:
        """Return contents under the names by which they are counted, see MAX_FIELDS."""
        if found is None:
            return None
        if len(self._paths) + len(found) <= MAX_FIELDS:
            self._paths.update(found)
            return found
        named: dict[str, Sequence[Any]] = {}
        for path, values in found.items():
            name = path
            if path not in self._paths and len(self._paths) >= MAX_FIELDS:
                name = OTHER_FIELDS
            self._paths.add(name)
            named[name] = values
        return named

    def _count_values(self, found: Contents, *, is_new: bool) -> None:
        for path in self.keywords.intersection(found):
            counts = self.values.get(path) or self.values.setdefault(path, ValueCounts())
            side = counts.after if is_new else counts.before
            values = found[path]
            for value in values if len(values) == 1 else {_term(value): None for value in values}:
                term = value if value.__class__ is str else _term(value)
                if term in side:
                    side[term] += 1
                    continue
                side[term] = 1
                terms = len(counts.before.keys() | counts.after.keys())
                if terms > MOST_VALUES or len(term) > _LONGEST_VALUE:
                    self.keywords.remove(path)
                    del self.values[path]
                    break


@dataclass(frozen=True, slots=True)
class Gate:
    """Which differences are accepted.

    Attributes:
        fields: Which fields may fall, and how far.
        missing: Documents that may be missing in the new index.
    """

    fields: Tolerance = field(default_factory=Tolerance)
    missing: int = 0


def verdict(found: Compared, gate: Gate) -> list[str]:
    """Return why the new index should not replace the old one; empty when it may."""
    return list(_problems(found, gate))


def _problems(found: Compared, gate: Gate) -> Iterator[str]:
    old, _ = found.documents
    if not old:
        yield f"{found.old} holds no document: there is nothing to compare"
    if found.missing.count > gate.missing:
        yield (
            f"{counted(found.missing.count, 'document')} of {old:,} in {found.old} missing in "
            f"{found.new}{_examples(found.missing)}"
        )
    for fill in found.by_harm():
        yield from _field_problems(found, fill, gate.fields)
    for search in found.searches:
        yield from search.problems()


def _field_problems(found: Compared, fill: FieldFill, tolerance: Tolerance) -> Iterator[str]:
    if tolerance.accepts(fill.path):
        return
    if found.fall(fill) > tolerance.percent:
        before, after = _rounded(found.fill_rates(fill))
        lost = counted(fill.lost.count, "document")
        yield (
            f"{fill.path}: {before:g}% of the documents hold it in {found.old}, {after:g}% in "
            f"{found.new}; lost by {lost}{_examples(fill.lost)}"
        )
    elif found.searchable_fall(fill) > tolerance.percent:
        before, after = _rounded(fill.searchable.shares)
        yield (
            f"{fill.path}: a search by it finds {before:g}% of the documents in {found.old}, "
            f"{after:g}% in {found.new}"
        )


def to_json(found: Compared, gate: Gate) -> dict[str, Any]:
    """Return all of it as it is printed with ``--json``, and as the page is made of."""
    problems = verdict(found, gate)
    old, new = found.documents
    return {
        "old": found.old,
        "new": found.new,
        "passed": not problems,
        "problems": problems,
        "tolerate_percent": gate.fields.percent,
        "tolerate_missing": gate.missing,
        "accepted": list(gate.fields.accepted),
        "documents": {"old": old, "new": new, "both": found.both},
        "missing": asdict(found.missing),
        "extra": asdict(found.extra),
        "settled": found.settled,
        "fields": [_field_json(found, fill, gate.fields) for fill in found.by_harm()],
        "values": {path: asdict(counts) for path, counts in sorted(found.values.items())},
        "searches": [search.to_json() for search in found.searches],
        "sample": [asdict(document) for document in found.sample],
        "sample_fields": [asdict(change) for change in found.changes.by_harm()],
    }


def _field_json(found: Compared, fill: FieldFill, tolerance: Tolerance) -> dict[str, Any]:
    before, after = _rounded(found.fill_rates(fill))
    allowed = not any(_field_problems(found, fill, tolerance))
    moves = fill.lost.count or fill.gained or found.searchable_fall(fill)
    return {
        **asdict(fill),
        "fill_before": before,
        "fill_after": after,
        "allowed": allowed,
        "differs": bool(moves) or not allowed,
    }


def _rounded(shares: tuple[float, float]) -> tuple[float, float]:
    """Return shares to be shown; what is decided by them is not rounded."""
    before, after = shares
    return round(before, 2), round(after, 2)


def _examples(documents: Documents) -> str:
    """Return a clause with two examples; empty if there are none."""
    return f", such as {', '.join(documents.examples[:2])}" if documents.examples else ""


def _term(value: Any) -> str:
    """Return a value as a keyword field indexes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
