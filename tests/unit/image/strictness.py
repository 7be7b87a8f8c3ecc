"""Checks a document against a mapping, as a strict index would."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_HOLDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "keyword": (str, bool, int, float),
    "text": str,
    "long": int,
    "boolean": bool,
    "date": str,
    "completion": dict,
}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_LONGEST_TERM: Final = 32_766


def refusals(
    value: Any, field: Mapping[str, Any], path: str = "", *, dynamic: bool = False
) -> Iterator[str]:
    """Yields why an index of that mapping would refuse `value`; nothing when it would not.

    Nulls and empty values are refused too, which an index would not: documents have none, except
    in the maps of rights.
    """
    if field.get("enabled", True) is False:
        return
    if isinstance(value, list):
        if not value:
            yield f"{path}: empty list"
        for item in value:
            yield from refusals(item, field, path, dynamic=dynamic)
    elif isinstance(value, dict):
        yield from _of_map(value, field, path, dynamic=dynamic)
    else:
        yield from _of_leaf(value, field, path, dynamic=dynamic)


def _of_map(
    value: dict[str, Any], field: Mapping[str, Any], path: str, *, dynamic: bool
) -> Iterator[str]:
    if not value and not path.endswith("sageRights"):
        yield f"{path}: empty map"
    if "properties" not in field and not dynamic:
        yield f"{path}: a map where {field.get('type')} is mapped"
        return
    setting = field.get("dynamic", dynamic or "strict")
    for name, inner in value.items():
        where = f"{path}.{name}" if path else name
        known = field.get("properties", {}).get(name)
        if known is None and setting == "strict":
            yield f"{where}: not mapped"
        elif not name.strip() or "." in name:
            yield f"{where}: no name of a field"
        else:
            yield from refusals(inner, known or {}, where, dynamic=setting is True)


def _of_leaf(value: Any, field: Mapping[str, Any], path: str, *, dynamic: bool) -> Iterator[str]:
    kind = field.get("type", "keyword" if dynamic else "object")
    if value is None or value == "":
        yield f"{path}: empty"
    elif kind not in _HOLDS:
        yield f"{path}: {value!r} where {kind} is mapped"
    elif not isinstance(value, _HOLDS[kind]) or (kind == "long" and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "date":
        if _DATE.fullmatch(str(value)) is None:
            yield f"{path}: {value!r} is no date of documents"
    elif kind == "keyword" and isinstance(value, str):
        ignored = dynamic and not field and len(value.encode("utf-16-le")) // 2 > 29_489
        if not ignored and len(value.encode()) > _LONGEST_TERM:
            yield f"{path}: longer than a term"
