"""The draft: the input and output of processors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Draft:
    """An image's metadata and rights before or between processors.

    Attributes:
        metadata: Fields of the document's ``originalMetadata``: texts, and lists of texts for
            ``keywords``, ``subjects`` and ``peopleInImage``. A field without a value is absent.
        rights: Fields of the document's ``originalUsageRights``: texts.
        uploaded_by: The user who uploaded the image.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    rights: Mapping[str, Any] = field(default_factory=dict)
    uploaded_by: str = ""

    def with_metadata(self, **changes: Any) -> Draft:
        """Return a draft with changed metadata fields; None, "" and [] remove a field."""
        return replace(self, metadata=_changed(self.metadata, changes))

    def with_rights(self, **changes: Any) -> Draft:
        """Return a draft with changed rights fields; None, "" and [] remove a field."""
        return replace(self, rights=_changed(self.rights, changes))

    def text(self, name: str) -> str:
        """Return a metadata field that is one text; empty when it is absent."""
        value = self.metadata.get(name)
        return value if isinstance(value, str) else ""


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**values, **changes}
    return {name: value for name, value in merged.items() if value not in (None, "", [])}


class Processor(Protocol):
    """A pure function from draft to draft, which must not modify its argument."""

    def __call__(self, draft: Draft, /) -> Draft:
        """Return the changed draft."""
        ...
