"""Reads the ids of changed images from records of DynamoDB streams and from S3 events.

Only the image id is taken from a record; the document is built later from the current truth. So
records may be repeated, late or out of order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from reindex.domain.key_templates import KeyTemplate
from reindex.domain.messages import UnreadableMessage
from reindex.text import MAX_ID_BYTES


def id_of_change(record: Mapping[str, Any], attributes: Mapping[str, str]) -> str:
    """Return the image id of a DynamoDB stream record.

    Args:
        record: The record as Lambda passes it.
        attributes: The attribute that holds the image id, by table name.

    Raises:
        UnreadableMessage: The record has no image id: its table is unknown, or the stream's view
            omits the attribute.
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
    """Yield the image ids of an S3 event of the crops bucket.

    Args:
        body: The body of the message.
        folder: The template of the keys' prefix for one image.

    Raises:
        UnreadableMessage: The body is not an S3 event.
    """
    try:
        event = json.loads(body)
        if event.get("Event") == "s3:TestEvent":
            return
        keys = [unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(f"no event of S3: {type(error).__name__}: {error}") from error
    for key in keys:
        # An object outside of an image's folder is not a crop.
        if (found := _owner(key, folder)) is not None:
            yield _checked(found)


def _owner(key: str, folder: KeyTemplate) -> str | None:
    """Return the id of the image whose folder contains an object, or None."""
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
