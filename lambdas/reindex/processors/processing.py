"""Runs processors one after the other; each one's failure is the image's, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from reindex.domain.failures import ProcessorFailed
from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS, USAGE_RIGHTS_TEXTS
from reindex.processors.countries import country_names
from reindex.processors.draft import Draft, Processor
from reindex.processors.people import (
    join_initials,
    split_byline_credit,
    strip_copyright,
    title_case_names,
)
from reindex.processors.places import drop_placeholder_locations, drop_repeated_title
from reindex.processors.rules import Rules

#: Those that every library may name in its settings.
BUILT_IN: Final[Mapping[str, Processor]] = {
    each.__name__: each
    for each in (
        strip_copyright,
        split_byline_credit,
        join_initials,
        title_case_names,
        country_names,
        drop_repeated_title,
        drop_placeholder_locations,
    )
}

_DATE: Final = "dateTaken"
_DATE_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

_TEXTS: Final = frozenset({*METADATA_TEXTS, _DATE})
_SETS: Final = frozenset(METADATA_SETS)
_RIGHTS: Final = frozenset(USAGE_RIGHTS_TEXTS)


@dataclass(frozen=True, slots=True)
class NamedProcessor:
    """A processor, and what it is called in the settings.

    Attributes:
        name: A built-in one's, ``FILE:FUNCTION``, or ``rights`` for the rules.
    """

    name: str
    process: Processor


@dataclass(frozen=True, slots=True)
class Change:
    """What one processor did to one field.

    Attributes:
        by: The processor's name; of rules, the rule's after it.
        field: ``metadata.credit``, ``rights.category``.
        before: None when the field was absent.
        after: None when it is.
    """

    by: str
    field: str
    before: Any
    after: Any


def processed(draft: Draft, processors: Sequence[NamedProcessor]) -> Draft:
    """Return what processors make of a draft.

    Raises:
        ProcessorFailed: One of them raised, or returned what is no draft; the message names it.
    """
    for each in processors:
        draft = _after(each, draft)
    return draft


def explained(draft: Draft, processors: Sequence[NamedProcessor]) -> list[Change]:
    """Return what each of the processors changes.

    Raises:
        ProcessorFailed: As :func:`processed`.
    """
    changes: list[Change] = []
    for each in processors:
        for by, after in _steps(each, draft):
            changes += _changes(by, draft, after)
            draft = after
    return changes


def _steps(named: NamedProcessor, draft: Draft) -> Iterator[tuple[str, Draft]]:
    """What a processor does in turn: each rule of a file, by its name."""
    if isinstance(named.process, Rules):
        for rule, after in named.process.applied(draft):
            yield f"{named.name}: {rule}", after
    else:
        yield named.name, _after(named, draft)


def _changes(by: str, before: Draft, after: Draft) -> Iterator[Change]:
    for kind in ("metadata", "rights"):
        old, new = getattr(before, kind), getattr(after, kind)
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield Change(by, f"{kind}.{name}", old.get(name), new.get(name))


def _after(named: NamedProcessor, draft: Draft) -> Draft:
    # A copy, so that one which changes what it is given harms nobody.
    given = replace(
        draft, metadata=deepcopy(dict(draft.metadata)), rights=deepcopy(dict(draft.rights))
    )
    try:
        after = named.process(given)
        return _checked(after, draft.uploaded_by)
    except (Exception, SystemExit) as error:
        # The edge of other people's code: whatever it raises is this image's failure. SystemExit
        # is no Exception, and would end the call for all other images.
        raise ProcessorFailed(
            f"the processor {named.name} failed", f"{type(error).__name__}: {error}"
        ) from error


def _checked(after: object, uploaded_by: str) -> Draft:
    """Return a draft that fits a document, of the same uploader: none may change it.

    Raises:
        TypeError: It is no draft, or a value is of another type than its field.
        ValueError: There is no such field, or its value cannot be written.
    """
    if not isinstance(after, Draft):
        raise TypeError(f"it returned {type(after).__name__}, no Draft")
    metadata: dict[str, Any] = {}
    for name, value in dict(after.metadata).items():
        if name in _SETS:
            metadata[name] = sorted({_text(name, each) for each in _items(name, value)} - {""})
        elif name in _TEXTS:
            metadata[name] = _text(name, value)
        else:
            raise ValueError(f"there is no field metadata.{name}")
    rights = {}
    for name, value in dict(after.rights).items():
        if name not in _RIGHTS:
            raise ValueError(f"there is no field rights.{name}")
        rights[name] = _text(name, value)
    # As with_metadata has it: what is empty is absent.
    return Draft({}, {}, uploaded_by).with_metadata(**metadata).with_rights(**rights)


def _items(name: str, value: object) -> list[object]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise TypeError(f"{name} is {type(value).__name__}, no list of texts")
    return list(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {type(value).__name__}, no text")
    # UnicodeEncodeError is a ValueError: half of a surrogate pair cannot be written as JSON.
    value.encode()
    if name == _DATE and value:
        if not _DATE_FORM.fullmatch(value):
            raise ValueError(f"{name} is not of the form 2024-05-06T07:08:09.000Z")
        datetime.fromisoformat(value)
    return value if value.strip() else ""
