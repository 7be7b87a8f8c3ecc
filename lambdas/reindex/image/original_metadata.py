"""``originalMetadata``: what a file says of its picture, and which of its sources wins.

The same fact may stand in XMP, IPTC-IIM and EXIF; each field takes the first source that has
a value of more than blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from reindex.image.dates import first_plausible, format_date, is_time, is_zone
from reindex.image.subjects import subject_names
from reindex.image.text import clean
from reindex.image.truth import FileMetadata

_ENDS_IN_TIME: Final = re.compile(r"[ T]\d{1,2}:\d{2}(?::\d{2})?$")

#: Where each field's text is looked for, the best source first.
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


def original_metadata(file: FileMetadata, uploaded: datetime) -> dict[str, Any]:
    """Return the document's ``originalMetadata``.

    Args:
        file: What was extracted from the file.
        uploaded: When the image came into the library, with zone; no photo is taken later.

    Returns:
        Fields that have a value; none is None, empty, or blank.
    """
    fields: dict[str, Any] = {}
    taken = first_plausible(_dates_taken(file), uploaded)
    if taken is not None:
        fields["dateTaken"] = format_date(taken)
    for field, sources in PRECEDENCE.items():
        texts = (text for group, name in sources for text in _texts(getattr(file, group), name))
        first = next(texts, None)
        if first is not None:
            fields[field] = first
    lists = {
        "keywords": _keywords(file),
        "subjects": subject_names(
            (*_texts(file.iptc, "Supplemental Categories"), *_texts(file.iptc, "Category"))
        ),
        "peopleInImage": _people(file),
    }
    return fields | {field: values for field, values in lists.items() if values}


def _texts(group: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield the texts of more than blanks that a property has, be it one or a list."""
    value = group.get(name)
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, str) and (text := clean(item)):
            yield text


def _dates_taken(file: FileMetadata) -> Iterator[str]:
    """Yield the texts that may say when the picture was taken, the best source first."""
    offset = next(_texts(file.exif_sub, "OffsetTimeOriginal"), "").strip()
    fraction = next(_texts(file.exif_sub, "SubSecTimeOriginal"), "").strip()
    suffix = (f".{fraction}" if fraction.isdecimal() else "") + (offset if is_zone(offset) else "")
    for date in _texts(file.exif_sub, "DateTimeOriginal"):
        # Some programs write a fraction or zone into the date itself, where it has no place.
        yield date + suffix if _ENDS_IN_TIME.search(date) else date
    iptc_dates = [*_texts(file.iptc, "Date Created")]
    for date, time in zip(iptc_dates, _texts(file.iptc, "Time Created"), strict=False):
        if is_time(time):
            yield f"{date}T{time}"
    yield from _texts(file.xmp, "photoshop:DateCreated")
    yield from iptc_dates


def _keywords(file: FileMetadata) -> list[str]:
    xmp = _set(_texts(file.xmp, "dc:subject"))
    if xmp:
        return xmp
    # Some programs write all keywords into one dataset, though it is repeatable (IIM 2:25).
    return _set(
        word for text in _texts(file.iptc, "Keywords") for word in text.replace(";", ",").split(",")
    )


def _people(file: FileMetadata) -> list[str]:
    return _set(
        person
        for group in (file.xmp, file.getty)
        for name in ("Iptc4xmpExt:PersonInImage", "GettyImagesGIFT:Personality")
        for person in _texts(group, name)
    )


def _set(texts: Iterable[str]) -> list[str]:
    """Return the texts as documents hold sets: each once, without blanks around, sorted."""
    return sorted({stripped for text in texts if (stripped := text.strip())})
