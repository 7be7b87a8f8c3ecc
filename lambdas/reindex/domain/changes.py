"""Changes of the truth: which images the records of streams and the events of S3 are about.

Only the image's id is taken of a record: its document is built from the truth of the moment in
which that is read. So a record may come twice, late or out of order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from reindex.domain.key_templates import KeyTemplate
from reindex.domain.records import UnreadableMessage
from reindex.text import MAX_ID_BYTES


def id_of_change(record: Mapping[str, Any], attributes: Mapping[str, str]) -> str:
    """Return the image that a record of a DynamoDB stream is about.

    Args:
        record: As Lambda passes it.
        attributes: The attribute that holds an image's id, by name of the table.

    Raises:
        UnreadableMessage: It names no image: the table is none of these, or the stream's view
            leaves the attribute out.
    """
    try:
        table = record["eventSourceARN"].split("/")[1]
        attribute, change = attributes[table], record["dynamodb"]
        parts = (change.get(part, {}) for part in ("Keys", "NewImage", "OldImage"))
        found = next(part[attribute]["S"] for part in parts if attribute in part)
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration) as error:
        raise UnreadableMessage(f"a change of no image: {type(error).__name__}: {error}") from error
    return _checked(found)


def ids_of_crops(body: str, folder: KeyTemplate) -> Iterator[str]:
    """Yield the images that S3's event about the bucket of crops is about.

    Args:
        body: Of the message.
        folder: What the keys of an image's crops begin with.

    Raises:
        UnreadableMessage: It is no event of S3.
    """
    try:
        event = json.loads(body)
        if event.get("Event") == "s3:TestEvent":
            return
        keys = [unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(f"no event of S3: {type(error).__name__}: {error}") from error
    for key in keys:
        # An object outside of any image's folder is no crop.
        if (found := _owner(key, folder)) is not None:
            yield _checked(found)


def _owner(key: str, folder: KeyTemplate) -> str | None:
    """Return the image in whose folder an object is."""
    end = key.find(folder.suffix)
    while end >= 0:
        end += len(folder.suffix)
        if (found := folder.image_id(key[:end])) is not None:
            return found
        end = key.find(folder.suffix, end)
    return None


def _checked(image_id: object) -> str:
    if not isinstance(image_id, str) or not 0 < len(image_id.encode()) <= MAX_ID_BYTES:
        raise UnreadableMessage(f"the id is empty, or longer than {MAX_ID_BYTES} bytes")
    return image_id
