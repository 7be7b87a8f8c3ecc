"""The messages on the low-priority queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import NoneType
from typing import Any, Self

from reindex.domain.provenance import Guard
from reindex.text import MAX_ID_BYTES, well_formed

#: The subject of a message on the low-priority queue.
SUBJECT = "reingest-image"

#: The text before the document in a message.
_IMAGE = ', "image": '

#: The types of the fields of a message.
_MESSAGE_FIELDS = {
    "id": (str,),
    "rev": (int,),
    "run_id": (str,),
    "digest": (str,),
    "index": (str,),
    "index_uuid": (str, NoneType),
    "preserved": (dict,),
}


class UnreadableMessage(ValueError):
    """A message on the queue is of another program, or incomplete."""


@dataclass(frozen=True, slots=True)
class Message:
    """One ``reingest-image`` message: a document, and the guard it is written under.

    Attributes:
        id: The image id.
        rev: Of the row when it was queued.
        run_id: The run that projected it.
        digest: Of the document.
        index: The concrete index, pinned for the run.
        index_uuid: Of that index, because its name may be reused; None in messages of releases
            before 0.2.
        guard: The version to replace; None to create.
        preserved: The preserved fields, to be merged into the document.
        projected_at: ISO 8601.
        image: The document or its claim check, as JSON text that fits a line of a bulk. It is
            sent unparsed unless there are preserved fields.
    """

    id: str
    rev: int
    run_id: str
    digest: str
    index: str
    index_uuid: str | None
    guard: Guard | None
    preserved: Mapping[str, Any]
    projected_at: str
    image: str

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read a message.

        Raises:
            UnreadableMessage: It is not JSON, not about ``reingest-image``, or lacks a field.
        """
        try:
            raw, image = _read(body)
            if raw["subject"] != SUBJECT:
                raise UnreadableMessage(f"the subject is not {SUBJECT}")
            guard = raw["guard"]
            message = cls(
                id=raw["id"],
                rev=raw["rev"],
                run_id=raw["run_id"],
                digest=raw["digest"],
                index=raw["index"],
                index_uuid=raw.get("index_uuid"),
                guard=Guard(guard["seq_no"], guard["primary_term"]) if guard else None,
                preserved=raw["preserved"],
                projected_at=raw["projected_at"],
                image=image,
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UnreadableMessage(f"{type(error).__name__}: {error}") from error
        for name, kinds in _MESSAGE_FIELDS.items():
            # "type", not "isinstance": a boolean is an int in Python, and must be rejected here.
            if type(getattr(message, name)) not in kinds:
                expected = " or ".join(kind.__name__ for kind in kinds)
                raise UnreadableMessage(f"{name} is no {expected}")
        if message.guard and not message.guard.is_valid:
            raise UnreadableMessage("the guard is no version")
        if not 0 < len(message.id.encode(errors="replace")) <= MAX_ID_BYTES:
            raise UnreadableMessage(f"the id is empty, or longer than {MAX_ID_BYTES} bytes")
        return message


def _read(body: str) -> tuple[Any, str]:
    """Return the values of a message without its document, and the document's text.

    The document is the last value, so the text is split before it instead of parsed as a whole. If
    the head, closed with a brace, is valid JSON, the split was not inside another value, and the
    rest is the document.

    Raises:
        ValueError: It is not JSON.
        TypeError: Its document is not an object.
        KeyError: It has no document.
    """
    head, cut, tail = body.partition(_IMAGE)
    text = tail[:-1]
    # A \u escape may be half of a surrogate pair, which a document must not contain.
    is_line = "\n" not in text and "\\u" not in text
    if cut and tail.startswith("{") and tail.endswith("}") and is_line:
        with suppress(ValueError):
            values = json.loads(head + "}")
            # This only checks that it is JSON. The parsed document would double the memory used.
            json.loads(text)
            return values, text
    values = json.loads(body)
    return values, document_text(values["image"])


def document_text(document: object) -> str:
    """Return a document as JSON text that fits a line of a bulk.

    Raises:
        TypeError: It is not an object.
        ValueError: It holds a number that JSON does not have, such as NaN.
    """
    if not isinstance(document, dict):
        raise TypeError("the document is no object")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return well_formed(text)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send; its document is the unparsed text of the projection's answer.

    Attributes:
        image: JSON text of the document or of its claim check.
        preserved: JSON text of the preserved fields.
    """

    id: str
    rev: int
    run_id: str
    digest: str
    index: str
    index_uuid: str | None
    guard: Guard | None
    preserved: str
    projected_at: str
    image: str

    def body(self) -> str:
        """Return the JSON text that :meth:`Message.parse` reads."""
        head = json.dumps(
            {
                "subject": SUBJECT,
                "id": self.id,
                "rev": self.rev,
                "run_id": self.run_id,
                "digest": self.digest,
                "index": self.index,
                "index_uuid": self.index_uuid,
                "guard": asdict(self.guard) if self.guard else None,
                "projected_at": self.projected_at,
            }
        )
        return f'{head[:-1]}, "preserved": {self.preserved}{_IMAGE}{self.image}}}'
