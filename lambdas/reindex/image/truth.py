"""Everything one document is built from, as plain values: no client, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
"""A DynamoDB item as boto3's resource layer gives it: numbers are Decimal, string sets are set."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a store says of one object.

    Attributes:
        uri: Where it is, as the document's ``file`` shows it.
        size: Bytes.
        last_modified: With zone.
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
    """What the bytes of an image file say about it.

    Attributes:
        mime_type: Sniffed from the bytes, never from the name.
        dimensions: As stored in the file.
        orientation: How it is shown, as EXIF Orientation (TIFF 6.0, tag 274) counts it, 1 to 8,
            whichever part of the file says it; None when none does.
        exif: IFD0 and GPS values by the standard's tag names.
        exif_sub: Exif IFD and Interoperability values by the standard's tag names.
        iptc: IPTC-IIM values by the IIM's dataset names.
        xmp: Flattened XMP properties, ``prefix:name``.
        icc: ICC profile header and description.
        getty: XMP properties of the GettyImagesGIFT namespace.
        png: PNG's textual data by keyword.
        colour_model: ``RGB``, ``Greyscale``, ``CMYK``, ... or None when the format does not say.
        colour_model_information: Details of the colour model (bits per sample, alpha, ...).
        reading: How the bytes were read where they do not say it: ``iptcCharset`` for text that
            declares no character set, ``iptcBytesPassedOver`` for damage between datasets.
        trimmed: Names of the maps that were cut because they were too large.
        renamed: Maps that the document shows in place of those of the same name here, which
            stay what everything else is derived from; None where the names are the standards'.
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
    """Everything the document of one image is built from."""

    id: str
    original: StoredObject
    file: FileMetadata
    thumbnail: Rendition | None = None
    optimised_png: Rendition | None = None
    user_data: UserData = field(default_factory=UserData)
