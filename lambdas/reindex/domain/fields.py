"""Fields of documents that rules and users may set."""

from __future__ import annotations

from typing import Final

#: Fields of ``metadata`` that hold one text each.
METADATA_TEXTS: Final = (
    "description",
    "credit",
    "creditUri",
    "byline",
    "bylineTitle",
    "title",
    "copyrightNotice",
    "copyright",
    "suppliersReference",
    "source",
    "specialInstructions",
    "subLocation",
    "city",
    "state",
    "country",
    "imageType",
)
#: Fields of ``metadata`` that hold a set of texts.
METADATA_SETS: Final = ("keywords", "subjects", "peopleInImage")

#: Fields of ``usageRights``: every category has some of them.
USAGE_RIGHTS_TEXTS: Final = (
    "category",
    "restrictions",
    "supplier",
    "suppliersCollection",
    "suppliers",
    "photographer",
    "illustrator",
    "publication",
    "creator",
    "licence",
    "source",
    "content",
    "contentLink",
)
