"""``originalMetadata``: the file's description of its picture, by precedence of sources.

The same fact may be in XMP, IPTC-IIM and EXIF. Each field takes the first source that is
informative: not blank, not the default of a camera or program, and not a placeholder
(:mod:`reindex.image.uninformative`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reindex.image.dates import first_plausible, format_date, is_time, is_zone, readings
from reindex.image.subjects import subject_names
from reindex.image.text import clean
from reindex.image.truth import FileMetadata
from reindex.image.uninformative import FileWriter, file_writer, why_uninformative

_ENDS_IN_TIME: Final = re.compile(
    r"(?P<time>.*[ Tt]\d{1,2}:\d{2}(?::\d{2})?)(?P<fraction>[.,]\d+)?(?P<half>\s?[AP]\.?M\.?)?",
    re.ASCII | re.IGNORECASE,
)
"""A date with a time and no zone."""

_BLANK: Final = "blank"
_WORSE: Final = "a better source has a value"

#: The sources of each field, the best source first.
PRECEDENCE: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "description": (
        ("xmp", "dc:description"),
        ("iptc", "Caption/Abstract"),
        ("exif", "ImageDescription"),
    ),
    "byline": (("xmp", "dc:creator"), ("iptc", "By-line"), ("exif", "Artist")),
    "bylineTitle": (("xmp", "photoshop:AuthorsPosition"), ("iptc", "By-line Title")),
    "title": (("xmp", "photoshop:Headline"), ("iptc", "Headline")),
    "credit": (("xmp", "photoshop:Credit"), ("iptc", "Credit")),
    "copyright": (("xmp", "dc:rights"), ("iptc", "Copyright Notice"), ("exif", "Copyright")),
    "suppliersReference": (
        ("xmp", "photoshop:TransmissionReference"),
        ("iptc", "Original Transmission Reference"),
        ("xmp", "dc:title"),
        ("iptc", "Object Name"),
    ),
    "source": (("xmp", "photoshop:Source"), ("iptc", "Source")),
    "specialInstructions": (
        ("xmp", "photoshop:Instructions"),
        ("iptc", "Special Instructions"),
    ),
    "subLocation": (("xmp", "Iptc4xmpCore:Location"), ("iptc", "Sub-location")),
    "city": (("xmp", "photoshop:City"), ("iptc", "City")),
    "state": (("xmp", "photoshop:State"), ("iptc", "Province/State")),
    "country": (
        ("xmp", "photoshop:Country"),
        ("iptc", "Country/Primary Location Name"),
        ("xmp", "Iptc4xmpCore:CountryCode"),
        ("iptc", "Country/Primary Location Code"),
    ),
}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A candidate text that was not chosen for a field.

    Attributes:
        source: Group and name, as in :data:`PRECEDENCE`.
        text: The text as written in the file.
        why: The reason, as a message for users.
    """

    source: str
    text: str
    why: str


@dataclass(slots=True)
class Decision:
    """The value of one field, and how it was chosen.

    Attributes:
        value: The value; None when no source is informative.
        sources: The sources of the value; a set may have several.
        passed_over: The candidates that were not chosen, the best source first.
    """

    value: Any = None
    sources: list[str] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)


def original_metadata(file: FileMetadata, uploaded: datetime) -> dict[str, Any]:
    """Return the document's ``originalMetadata``.

    Args:
        file: The extracted metadata.
        uploaded: Upload time of the image, timezone-aware; a photo cannot be taken later.

    Returns:
        The fields that have a value; no value is None, empty or blank.
    """
    return {
        name: decision.value
        for name, decision in _decisions(file, uploaded, complete=False)
        if decision.value is not None
    }


def explain(file: FileMetadata, uploaded: datetime) -> dict[str, Decision]:
    """Return how each field of :func:`original_metadata` was decided.

    Args:
        file: The extracted metadata.
        uploaded: As for :func:`original_metadata`.

    Returns:
        The fields for which the file has a value or at least a rejected candidate.
    """
    return {
        name: decision
        for name, decision in _decisions(file, uploaded, complete=True)
        if decision.value is not None or decision.passed_over
    }


def _decisions(
    file: FileMetadata, uploaded: datetime, *, complete: bool
) -> Iterator[tuple[str, Decision]]:
    """Yield each field's decision; only if ``complete``, with the candidates after the winner."""
    yield "dateTaken", _date_taken(file, uploaded, complete=complete)
    writer = file_writer(file.exif)
    for name, sources in PRECEDENCE.items():
        yield name, _first(file, name, sources, writer, complete=complete)
    yield "keywords", _keywords(file)
    yield "subjects", _subjects(file)
    yield "peopleInImage", _people(file)


def _first(
    file: FileMetadata,
    name: str,
    sources: Iterable[tuple[str, str]],
    writer: FileWriter,
    *,
    complete: bool,
) -> Decision:
    """Choose the first informative text for a field."""
    decision = Decision()
    for group, key in sources:
        for text in _all_texts(getattr(file, group), key):
            source = f"{group} {key}"
            if not text:
                why: str | None = _BLANK
            else:
                why = why_uninformative(name, text, writer)
                if why is None and decision.value is not None:
                    why = _WORSE
            if why is not None:
                decision.passed_over.append(PassedOver(source, text, why))
                continue
            decision.value, decision.sources = text, [source]
            if not complete:
                return decision
    return decision


def _all_texts(group: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield the cleaned text or texts of a property; a blank text becomes an empty one."""
    value = group.get(name)
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, str):
            yield clean(item)


def _texts(group: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield the non-blank texts of a property."""
    return filter(None, _all_texts(group, name))


def _date_taken(file: FileMetadata, uploaded: datetime, *, complete: bool) -> Decision:
    """Choose the first date that can be parsed and is not later than the upload."""
    decision = Decision()
    for source, text in _dates_taken(file):
        if decision.value is not None:
            decision.passed_over.append(PassedOver(source, text, _WORSE))
            continue
        taken = first_plausible([text], uploaded)
        if taken is None:
            why = "no date" if next(readings(text), None) is None else "later than the upload"
            decision.passed_over.append(PassedOver(source, text, why))
            continue
        decision.value, decision.sources = format_date(taken), [source]
        if not complete:
            break
    return decision


def _dates_taken(file: FileMetadata) -> Iterator[tuple[str, str]]:
    """Yield sources and texts of the date taken, the best source first."""
    offset = next(_texts(file.exif_sub, "OffsetTimeOriginal"), "").strip()
    fraction = next(_texts(file.exif_sub, "SubSecTimeOriginal"), "").strip()
    fraction = f".{fraction}" if fraction.isdecimal() else ""
    zone = offset if is_zone(offset) else ""
    source = "exifSub DateTimeOriginal"
    for date in _texts(file.exif_sub, "DateTimeOriginal"):
        # Some programs write the fraction or zone into the date, against the standard.
        found = _ENDS_IN_TIME.fullmatch(date)
        if found:
            source += ", SubSecTimeOriginal" if fraction and not found["fraction"] else ""
            source += ", OffsetTimeOriginal" if zone else ""
            date = f"{found['time']}{found['fraction'] or fraction}{found['half'] or ''}{zone}"  # noqa: PLW2901
        yield source, date
    iptc_dates = [*_texts(file.iptc, "Date Created")]
    for date, time in zip(iptc_dates, _texts(file.iptc, "Time Created"), strict=False):
        if is_time(time):
            yield "iptc Date Created, Time Created", f"{date}T{time}"
    for date in _texts(file.xmp, "photoshop:DateCreated"):
        yield "xmp photoshop:DateCreated", date
    for date in iptc_dates:
        yield "iptc Date Created", date


def _keywords(file: FileMetadata) -> Decision:
    """Choose the keywords of XMP, else those of IPTC."""
    decision = _set(
        "keywords", (("xmp dc:subject", word) for word in _texts(file.xmp, "dc:subject"))
    )
    # Some programs write all keywords into one dataset, although it is repeatable (IIM 2:25).
    words = (
        ("iptc Keywords", word)
        for text in _texts(file.iptc, "Keywords")
        for word in text.replace(";", ",").split(",")
    )
    if decision.value is None:
        other = _set("keywords", words)
        other.passed_over[:0] = decision.passed_over
        return other
    decision.passed_over += (PassedOver(source, word, _WORSE) for source, word in words)
    return decision


def _subjects(file: FileMetadata) -> Decision:
    """Return the subjects that the category codes name."""
    decision = Decision()
    names: set[str] = set()
    for key in ("Supplemental Categories", "Category"):
        for text in _texts(file.iptc, key):
            found = subject_names((text,))
            names.update(found)
            if not found:
                decision.passed_over.append(PassedOver(f"iptc {key}", text, "no known category"))
            elif f"iptc {key}" not in decision.sources:
                decision.sources.append(f"iptc {key}")
    decision.value = sorted(names) or None
    return decision


def _people(file: FileMetadata) -> Decision:
    """Return the people in the picture, from all sources together."""
    return _set(
        "peopleInImage",
        (
            (f"{group} {key}", person)
            for group in ("xmp", "getty")
            for key in ("Iptc4xmpExt:PersonInImage", "GettyImagesGIFT:Personality")
            for person in _texts(getattr(file, group), key)
        ),
    )


def _set(name: str, texts: Iterable[tuple[str, str]]) -> Decision:
    """Return a field that is a set: stripped, unique, sorted texts."""
    decision = Decision()
    found: set[str] = set()
    for source, text in texts:
        stripped = text.strip()
        why = why_uninformative(name, stripped) if stripped else _BLANK
        if why is not None:
            decision.passed_over.append(PassedOver(source, text, why))
            continue
        found.add(stripped)
        if source not in decision.sources:
            decision.sources.append(source)
    decision.value = sorted(found) or None
    return decision
