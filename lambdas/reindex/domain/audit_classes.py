"""The listings of an audit, and the classes that it puts images in."""

from __future__ import annotations

from enum import StrEnum


class Listing(StrEnum):
    """The listings of an audit."""

    ORIGINALS = "originals"
    THUMBNAILS = "thumbnails"
    OPTIMISED_PNGS = "optimised_pngs"
    CROPS = "crops"
    DOCUMENTS = "documents"
    PROGRESS = "progress"
    USAGES = "usages"
    LEASES = "leases"
    COLLECTIONS = "collections"
    EDITS = "edits"
    SYNDICATION = "syndication"
    STATUS = "status"


class ImageClass(StrEnum):
    """The classes that an audit puts images in; an image may be in several."""

    ORIGINAL_WITHOUT_DOCUMENT = "original_without_document"
    DOCUMENT_WITHOUT_ORIGINAL = "document_without_original"
    ROWS_WITHOUT_ORIGINAL = "rows_without_original"
    UPLOADED_WITHOUT_ORIGINAL = "uploaded_without_original"
    STALE_DOCUMENT = "stale_document"
    THUMBNAIL_MISSING = "thumbnail_missing"
    OPTIMISED_PNG_MISSING = "optimised_png_missing"
    CROP_NOT_IN_DOCUMENT = "crop_not_in_document"
    CROP_MISSING = "crop_missing"
    NEVER_UPLOADED = "never_uploaded"
    DOCUMENT_OF_NO_RUN = "document_of_no_run"
