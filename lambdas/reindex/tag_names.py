"""By whose names ``fileMetadata`` shows a file's tags."""

from __future__ import annotations

from enum import StrEnum


class TagNames(StrEnum):
    """Names of tags, and with them the form of their values.

    Attributes:
        STANDARD: The standards' own names; values as numbers and lists.
        METADATA_EXTRACTOR: Those of the Java library metadata-extractor; one text for each tag.
    """

    STANDARD = "standard"
    METADATA_EXTRACTOR = "metadata-extractor"
