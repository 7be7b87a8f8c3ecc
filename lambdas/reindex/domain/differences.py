"""The differences between two documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two documents differ.

    Attributes:
        path: The field's dotted name.
        before: The old value in a tuple; empty when the field was absent.
        after: The new value in a tuple; empty when the field is absent.
    """

    path: str
    before: tuple[Any, ...]
    after: tuple[Any, ...]


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str = ""
) -> Iterator[Difference]:
    """Yield every field in which two documents differ, sorted by name.

    Objects are compared field by field, lists as a whole.
    """
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        inner = f"{path}.{name}" if path else name
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, inner)
        elif old != new:
            yield Difference(inner, _present(old), _present(new))


def _present(value: Any) -> tuple[Any, ...]:
    return () if value is _ABSENT else (value,)
