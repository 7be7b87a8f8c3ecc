"""Dataclasses from JSON, strictly: an unknown, missing or mistyped key is one clear line."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from reindex.settings import SettingsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Mapping: "an object",
}

Read = TypeVar("Read", bound="DataclassInstance")


def read(kind: type[Read], raw: Any, where: str) -> Read:
    """Build a dataclass from a JSON object.

    Args:
        kind: The dataclass; its fields are texts, numbers, flags, tuples of texts, mappings, or
            dataclasses in turn, and any of them may be None.
        raw: What the JSON said.
        where: Begins the message of an error.

    Raises:
        SettingsError: Names each unknown and each missing key, or the first of a wrong type.
    """
    if not isinstance(raw, dict):
        raise SettingsError(f"{where} must be an object, not {json.dumps(raw)}")
    known = {f.name: f for f in fields(kind)}
    unknown = [f"unknown setting {name}" for name in sorted(raw.keys() - known.keys())]
    missing = [
        f"{name} is missing"
        for name, f in known.items()
        if name not in raw and f.default is MISSING and f.default_factory is MISSING
    ]
    if unknown or missing:
        raise SettingsError(f"{where}: {'; '.join(unknown + missing)}")
    hints = get_type_hints(kind)
    return kind(**{n: _value(hints[n], value, f"{where}: {n}") for n, value in raw.items()})


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One JSON object laid over another; objects within are merged in turn."""
    both = [k for k in base if isinstance(base[k], dict) and isinstance(over.get(k), dict)]
    return {**base, **over, **{k: merged(base[k], over[k]) for k in both}}


def _value(hint: Any, raw: Any, where: str) -> Any:
    options = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if raw is None and type(None) in options:
        return None
    kind = options[0]
    if is_dataclass(kind):
        return read(kind, raw, where)  # type: ignore[arg-type]
    origin = get_origin(kind) or kind
    if origin is tuple:
        if not isinstance(raw, list) or not all(isinstance(part, str) for part in raw):
            raise SettingsError(f"{where} must be a list of texts")
        return tuple(raw)
    if origin is float and type(raw) is int:
        return float(raw)
    # By identity, for JSON's true is an int to Python and must not pass for one.
    if type(raw) is not (dict if origin is Mapping else origin):
        raise SettingsError(f"{where} must be {_NAMES[origin]}, not {json.dumps(raw)}")
    return raw
