"""The document's assets: the original and the renditions made from it."""

from __future__ import annotations

from typing import Any, Final

from reindex.image.truth import Dimensions, FileMetadata, Rendition, StoredObject

#: EXIF orientations that swap width and height: the first row is the visual left or right side
#: (TIFF 6.0, tag 274).
_TURNED: Final = frozenset({5, 6, 7, 8})


def source(
    original: StoredObject, file: FileMetadata, thumbnail: Rendition | None = None
) -> dict[str, Any]:
    """Return the document's ``source``, which describes the original.

    Args:
        original: The object.
        file: The metadata extracted from it.
        thumbnail: The thumbnail that the library's own decoder made. If one of the two is
            landscape and the other portrait, they disagree on the orientation, and ``source``
            records that.
    """
    asset = _asset(original, file.mime_type, file.dimensions, file.orientation)
    orientation: dict[str, Any] = {}
    if file.orientation is not None:
        orientation["exifOrientation"] = file.orientation
    if _is_of_other_shape(asset["orientedDimensions"], thumbnail):
        orientation["orientationDoubtful"] = True
    if orientation:
        asset["orientationMetadata"] = orientation
    return asset


def _is_of_other_shape(shown: dict[str, int], thumbnail: Rendition | None) -> bool:
    """Return True if one is landscape and the other is portrait."""
    if thumbnail is None or thumbnail.dimensions is None:
        return False
    wider = shown["width"] - shown["height"]
    return wider * (thumbnail.dimensions.width - thumbnail.dimensions.height) < 0


def rendition(made: Rendition | None) -> dict[str, Any] | None:
    """Return the document's ``thumbnail`` or ``optimisedPng``, or None when there is none."""
    if made is None:
        return None
    return _asset(made.stored, made.mime_type, made.dimensions, None)


def asset(
    stored: StoredObject, mime_type: str | None, dimensions: Dimensions | None
) -> dict[str, Any]:
    """Return the fields of every asset: ``file``, ``size``, MIME type and dimensions if known.

    Args:
        stored: The object.
        mime_type: Its MIME type, or None when it was not detected.
        dimensions: Its stored dimensions, or None when they were not read.
    """
    result: dict[str, Any] = {"file": stored.uri, "size": stored.size}
    if mime_type:
        result["mimeType"] = mime_type
    if dimensions is not None:
        result["dimensions"] = _pixels(dimensions)
    return result


def _asset(
    stored: StoredObject,
    mime_type: str | None,
    dimensions: Dimensions | None,
    exif_orientation: int | None,
) -> dict[str, Any]:
    result = asset(stored, mime_type, dimensions)
    if dimensions is not None:
        shown = dimensions
        if exif_orientation in _TURNED:
            shown = Dimensions(width=dimensions.height, height=dimensions.width)
        result["orientedDimensions"] = _pixels(shown)
        result["orientation"] = "portrait" if shown.width < shown.height else "landscape"
    return result


def _pixels(dimensions: Dimensions) -> dict[str, int]:
    return {"width": dimensions.width, "height": dimensions.height}
