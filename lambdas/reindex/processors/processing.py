"""Runs processors in sequence; a processor's exception becomes a failure of the image."""

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

#: The built-in processors by the name that a library's settings use.
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
    """A processor with its name in the settings.

    Attributes:
        name: The name of a built-in processor, ``FILE:FUNCTION``, or ``rights`` for the rules.
        process: The processor.
    """

    name: str
    process: Processor


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one field by one processor.

    Attributes:
        by: The processor's name; for rules, followed by the rule's name.
        field: The field, such as ``metadata.credit`` or ``rights.category``.
        before: The old value; None when the field was absent.
        after: The new value; None when the field was removed.
    """

    by: str
    field: str
    before: Any
    after: Any


def processed(draft: Draft, processors: Sequence[NamedProcessor]) -> Draft:
    """Return the result of applying the processors to a draft.

    Raises:
        ProcessorFailed: A processor raised, or returned an invalid draft; the message names it.
    """
    for each in processors:
        draft = _run(each, draft)
    return draft


def explained(draft: Draft, processors: Sequence[NamedProcessor]) -> list[Change]:
    """Return the changes that each of the processors makes.

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
    """Yield the name and the resulting draft of a processor, or of each rule that applies."""
    if isinstance(named.process, Rules):
        for rule, after in named.process.applied(draft):
            yield f"{named.name}: {rule}", after
    else:
        yield named.name, _run(named, draft)


def _changes(by: str, before: Draft, after: Draft) -> Iterator[Change]:
    for kind in ("metadata", "rights"):
        old, new = getattr(before, kind), getattr(after, kind)
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield Change(by, f"{kind}.{name}", old.get(name), new.get(name))


def _run(named: NamedProcessor, draft: Draft) -> Draft:
    # A copy, because a library's processor may modify its argument.
    given = replace(
        draft, metadata=deepcopy(dict(draft.metadata)), rights=deepcopy(dict(draft.rights))
    )
    try:
        after = named.process(given)
        return _validated(after, draft.uploaded_by)
    except (Exception, SystemExit) as error:
        # Third-party code may raise anything, which fails this image only. SystemExit is not an
        # Exception, and would end the call for all other images.
        raise ProcessorFailed(
            f"the processor {named.name} failed", f"{type(error).__name__}: {error}"
        ) from error


def _validated(after: object, uploaded_by: str) -> Draft:
    """Return a draft that is valid in a document; the uploader cannot be changed.

    Raises:
        TypeError: ``after`` is not a draft, or a value has the wrong type for its field.
        ValueError: A field does not exist, or its value cannot be written.
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
    # with_metadata and with_rights remove empty values.
    return Draft({}, {}, uploaded_by).with_metadata(**metadata).with_rights(**rights)


def _items(name: str, value: object) -> list[object]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise TypeError(f"{name} is {type(value).__name__}, no list of texts")
    return list(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {type(value).__name__}, no text")
    # Raises UnicodeEncodeError, a ValueError, for a lone surrogate, which JSON cannot hold.
    value.encode()
    if name == _DATE and value:
        if not _DATE_FORM.fullmatch(value):
            raise ValueError(f"{name} is not of the form 2024-05-06T07:08:09.000Z")
        datetime.fromisoformat(value)
    return value if value.strip() else ""
