"""The change of each field when documents are replaced: kept, changed, lost or gained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Examples kept of each kind of change of a field.
EXAMPLES: Final = 3

#: Characters of an example's value.
_VALUE_LENGTH: Final = 300

CHANGED: Final = "changed"
LOST: Final = "lost"
GAINED: Final = "gained"


@dataclass(frozen=True, slots=True)
class Example:
    """The values of one document's field, before and after.

    Attributes:
        id: Of the image.
        before: The value; None when the field is absent. A long text is cut.
        after: The value; None if the field is absent. A long text is cut.
    """

    id: str
    before: Any
    after: Any


@dataclass(slots=True)
class FieldChange:
    """The changes of one field.

    Attributes:
        path: Its dotted name; ``[]`` represents each item of a list.
        before: Documents that hold it now.
        after: Documents that would hold it.
        same: Documents that hold the same in it before and after.
        examples: By kind of change: ``changed``, ``lost``, ``gained``.
    """

    path: str
    before: int = 0
    after: int = 0
    same: int = 0
    changed: int = 0
    lost: int = 0
    gained: int = 0
    examples: dict[str, list[Example]] = field(default_factory=dict)

    def fall(self, documents: int) -> float:
        """Return by how many percentage points the share of documents that hold it falls."""
        return max(0.0, (self.before - self.after) * 100 / documents) if documents else 0.0

    @property
    def harm(self) -> tuple[int, int, int]:
        """Order of fields for people: most is lost first, then most is changed."""
        return (self.before - self.after, self.lost, self.changed)


@dataclass(slots=True)
class FieldChanges:
    """Counts over many documents.

    Attributes:
        documents: Pairs of documents that were compared.
        fields: By path.
    """

    documents: int = 0
    fields: dict[str, FieldChange] = field(default_factory=dict)

    def add(self, image_id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Compare the present document with the one that would replace it."""
        self.documents += 1
        old, new = flatten(before), flatten(after)
        for path in old.keys() | new.keys():
            change = self.fields.setdefault(path, FieldChange(path))
            change.before += path in old
            change.after += path in new
            if path in old and path in new and old[path] == new[path]:
                change.same += 1
                continue
            kind = LOST if path not in new else GAINED if path not in old else CHANGED
            setattr(change, kind, getattr(change, kind) + 1)
            kept = change.examples.setdefault(kind, [])
            if len(kept) < EXAMPLES:
                kept.append(Example(image_id, shortened(old.get(path)), shortened(new.get(path))))

    def by_harm(self) -> list[FieldChange]:
        """Return all fields, the one of which most is lost first."""
        return sorted(
            self.fields.values(), key=lambda change: (*(-n for n in change.harm), change.path)
        )


def flatten(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document's values by dotted path, without empty ones.

    Values below a list of objects are collected: ``usages[].platform`` is the list of all
    platforms.
    """
    found: dict[str, Any] = {}
    for path, value in _leaves(document, ""):
        if path in found:
            found[path] = [*found[path], value]
        else:
            found[path] = [value] if "[]" in path else value
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for item in value:
            yield from _leaves(item, f"{path}[]")
    elif value is not None and value not in ("", []):
        yield path, value


def shortened(value: Any) -> Any:
    """Return a value to be shown: a long text or list is cut."""
    if isinstance(value, str) and len(value) > _VALUE_LENGTH:
        return f"{value[:_VALUE_LENGTH]}…"
    if isinstance(value, list):
        kept = [shortened(item) for item in value[:EXAMPLES]]
        return [*kept, "…"] if len(value) > EXAMPLES else kept
    return value
