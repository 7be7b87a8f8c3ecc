"""Validates documents that a library's image loader or projection function built.

The loader answers with bytes, the function with JSON. The fields of these documents are unknown;
the checks cover only the limits of JSON, of digests and of the index.
"""

from __future__ import annotations

import json
import math
from typing import Any

from reindex.domain.failures import LoaderAnswer
from reindex.text import printable

#: Largest document in bytes of JSON: far larger than any image's, and a tenth of Elasticsearch's
#: limit on one request (``http.max_content_length``).
MAX_DOCUMENT_BYTES = 10_000_000

#: Deepest nesting of objects and lists. A mapping's default limit is 20; the parsers of
#: Elasticsearch and Python fail at 1,000, which would lose the whole answer.
MAX_NESTING = 100

#: Number of characters of an invalid answer that a message shows.
_SHOWN = 200


def parse_document(data: bytes | str) -> dict[str, Any]:
    """Read the JSON text of a document.

    Raises:
        LoaderAnswer: The text is too large, is not JSON, or is not an object.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise too_large()
    try:
        found: object = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError is a ValueError, too.
        raise LoaderAnswer("the answer is not JSON", shown(data)) from error
    if not isinstance(found, dict):
        raise LoaderAnswer("the answer is not a JSON object", shown(data))
    return found


def check_document(document: object, image_id: str, *, names_image: bool) -> dict[str, Any]:
    """Return ``document`` after checking that it is a valid document of the image.

    Args:
        document: The parsed document.
        image_id: The requested image.
        names_image: True if ``id`` is required; if present, it must always be the image's id.

    Raises:
        LoaderAnswer: The document is not an object, belongs to another image, is nested too deep,
            or holds an infinite number.
    """
    if not isinstance(document, dict):
        raise LoaderAnswer("the document is not a JSON object")
    if names_image and "id" not in document:
        raise LoaderAnswer("the document has no id")
    if document.get("id", image_id) != image_id:
        raise LoaderAnswer("the document is of another image", printable(str(document["id"])))
    if not isinstance(document.get("esInfo", {}), dict):
        raise LoaderAnswer("the document's esInfo is not an object: it holds the provenance")
    _check_values(document)
    return document


def too_large() -> LoaderAnswer:
    """Return the failure of a document that is too large."""
    return LoaderAnswer(f"the document is larger than {MAX_DOCUMENT_BYTES:,} bytes")


def shown(data: bytes | str) -> str:
    """Return the beginning of an untrusted text as one printable line."""
    text = data[: _SHOWN * 4].decode(errors="replace") if isinstance(data, bytes) else data
    return printable(text.strip()[:_SHOWN])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_values(document: dict[str, Any]) -> None:
    """Check every value, level by level.

    Raises:
        LoaderAnswer: A value is nested too deep, or is a number that JSON cannot represent.
    """
    level: list[Any] = [document]
    for _ in range(MAX_NESTING):
        inner = [
            value
            for outer in level
            for value in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if any(isinstance(value, float) and not math.isfinite(value) for value in inner):
            # Python reads 1e999 as infinity, and would write it as invalid JSON.
            raise LoaderAnswer("the document holds a number that is too large")
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise LoaderAnswer(f"the document is nested more than {MAX_NESTING} deep")
