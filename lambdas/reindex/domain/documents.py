"""Documents that others built: what must hold of one before it can be indexed.

The library's image loader answers with bytes, its own projection function with JSON. Nothing is
known of either's fields; these checks are about what JSON, a digest and the index can hold.
"""

from __future__ import annotations

import json
import math
from typing import Any

from reindex.domain.failures import LoaderAnswer
from reindex.text import printable

#: Bytes of one document, as JSON. Far beyond any image's, and a tenth of what Elasticsearch takes
#: as one request (``http.max_content_length``).
MAX_DOCUMENT_BYTES = 10_000_000

#: Objects and lists within each other. A mapping is 20 deep by default; Elasticsearch's own parser
#: gives up at 1,000, and so does Python's, which would take the whole answer with it.
MAX_NESTING = 100

#: Characters of an answer that is no document, for people.
_SHOWN = 200


def parse_document(data: bytes | str) -> dict[str, Any]:
    """Read the JSON text of a document.

    Raises:
        LoaderAnswer: It is too large, no JSON, or no object.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise too_large()
    try:
        found: object = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # A decoding error of Unicode is a ValueError, too.
        raise LoaderAnswer("the answer is not JSON", shown(data)) from error
    if not isinstance(found, dict):
        raise LoaderAnswer("the answer is not a JSON object", shown(data))
    return found


def check_document(document: object, image_id: str, *, names_image: bool) -> dict[str, Any]:
    """Return a document of which it is known that it can be indexed, as far as JSON goes.

    Args:
        document: As it was parsed.
        image_id: The image that was asked for.
        names_image: Whether it must have an ``id``; if it has one, it must always be the image's.

    Raises:
        LoaderAnswer: It is no object, is about another image, is nested too deep, or holds a number
            that is infinite.
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
    """Return the beginning of others' text, on one line that is safe to show."""
    text = data[: _SHOWN * 4].decode(errors="replace") if isinstance(data, bytes) else data
    return printable(text.strip()[:_SHOWN])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_values(document: dict[str, Any]) -> None:
    """Look at every value, level by level.

    Raises:
        LoaderAnswer: One is nested too deep, or a number that has no JSON.
    """
    level: list[Any] = [document]
    for _ in range(MAX_NESTING):
        inner = [
            value
            for outer in level
            for value in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if any(isinstance(value, float) and not math.isfinite(value) for value in inner):
            # From a number such as 1e999: nobody could read again what is written of it.
            raise LoaderAnswer("the document holds a number that is too large")
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise LoaderAnswer(f"the document is nested more than {MAX_NESTING} deep")
