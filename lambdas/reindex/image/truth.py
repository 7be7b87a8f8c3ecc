"""The input of one document's projection, as plain values without clients or clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
"""A DynamoDB item as boto3's resource layer returns it: numbers are Decimal, string sets are
set."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The metadata of one stored object.

    Attributes:
        uri: Its address, as shown in the document's ``file``.
        size: Size in bytes.
        last_modified: Time of the last change, timezone-aware.
        user_metadata: The ``x-amz-meta-`` or ``x-goog-meta-`` headers, names in lower case, values
            as stored (URL-encoded).
    """

    uri: str
    size: int
    last_modified: datetime
    user_metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Width and height in pixels, as stored (before any orientation is applied)."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """The metadata extracted from an image file.

    Attributes:
        mime_type: Detected from the bytes, never from the name.
        dimensions: Width and height as stored in the file.
        orientation: EXIF Orientation (TIFF 6.0, tag 274), 1 to 8, from whichever part of the
            file declares it; None when no part does.
        exif: IFD0 and GPS values by the standard's tag names.
        exif_sub: Exif IFD and Interoperability values by the standard's tag names.
        iptc: IPTC-IIM values by the IIM's dataset names.
        xmp: Flattened XMP properties, ``prefix:name``.
        icc: ICC profile header and description.
        getty: XMP properties of the GettyImagesGIFT namespace.
        png: PNG's textual data by keyword.
        colour_model: ``RGB``, ``Greyscale``, ``CMYK``, ... or None when it is unknown.
        colour_model_information: Details of the colour model (bits per sample, alpha, ...).
        reading: Notes on ambiguous or damaged metadata: ``iptcCharset`` is the detected set of
            text that declares none, ``iptcBytesPassedOver`` the number of bytes skipped between
            datasets.
        trimmed: Names of the maps that were cut because they were too large.
        renamed: Maps with another naming scheme, which the document shows instead of the maps of
            the same name here; other fields are still derived from the maps here. None if the
            document uses the standards' names.
    """

    mime_type: str
    dimensions: Dimensions
    orientation: int | None = None
    exif: Mapping[str, Any] = field(default_factory=dict)
    exif_sub: Mapping[str, Any] = field(default_factory=dict)
    iptc: Mapping[str, Any] = field(default_factory=dict)
    xmp: Mapping[str, Any] = field(default_factory=dict)
    icc: Mapping[str, Any] = field(default_factory=dict)
    getty: Mapping[str, Any] = field(default_factory=dict)
    png: Mapping[str, Any] = field(default_factory=dict)
    colour_model: str | None = None
    colour_model_information: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    trimmed: Sequence[str] = ()
    renamed: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """A file made from the original (thumbnail or optimised PNG)."""

    stored: StoredObject
    mime_type: str | None
    dimensions: Dimensions | None


@dataclass(frozen=True, slots=True)
class UserData:
    """One image's rows in the library's tables; every part may be absent."""

    usages: Sequence[Row] = ()
    leases: Sequence[Row] = ()
    collections: Row | None = None
    edits: Row | None = None
    syndication: Row | None = None
    status: Row | None = None
    crops: Sequence[StoredObject] = ()


@dataclass(frozen=True, slots=True)
class ImageTruth:
    """The complete input of one image's document."""

    id: str
    original: StoredObject
    file: FileMetadata
    thumbnail: Rendition | None = None
    optimised_png: Rendition | None = None
    user_data: UserData = field(default_factory=UserData)
