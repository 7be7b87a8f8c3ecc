"""Templates of a library's object keys: make a key from an image id, and the reverse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

#: A placeholder: ``{id}``, ``{id[0:2]}``, ``{id[2:]}``, ``{id[3]}``, or ``{id[:6]/}`` with a slash
#: after each character.
_PLACE: Final = re.compile(r"\{id(?:\[(?:(\d+)|(\d*):(\d*))\])?(/?)\}")


class TemplateError(ValueError):
    """A template is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """A slice of an id, which may end before ``stop`` in a short id.

    Attributes:
        start: Position of the first character, from 0.
        stop: Position after the last character; None for the rest of the id.
        is_path: True if each character is a folder, followed by a slash.
    """

    start: int
    stop: int | None
    is_path: bool

    def characters(self, length: int) -> range:
        """Return the positions of the slice in an id of this length."""
        return range(self.start, length if self.stop is None else min(self.stop, length))

    def text(self, image_id: str) -> str:
        """Return the text of the slice in a key."""
        found = image_id[self.start : self.stop]
        return "".join(f"{character}/" for character in found) if self.is_path else found

    def width(self, length: int) -> int:
        """Return the number of characters that the slice takes in a key, for an id's length."""
        return len(self.characters(length)) * (2 if self.is_path else 1)


@dataclass(frozen=True)
class KeyTemplate:
    """A template of keys, such as ``{id[:6]/}{id}`` or ``originals/{id}.jpg``.

    Attributes:
        text: The template as written in a setting.
    """

    text: str

    @cached_property
    def _parts(self) -> tuple[str | _Slice, ...]:
        """The literal texts and the slices of the template, in order.

        Raises:
            TemplateError: The template has an unknown placeholder, or none.
        """
        parts: list[str | _Slice] = []
        at = 0
        for found in _PLACE.finditer(self.text):
            parts.append(self._literal(self.text[at : found.start()]))
            one, start, stop, path = found.groups()
            first = int(one or start or 0)
            last = first + 1 if one else int(stop) if stop else None
            parts.append(_Slice(first, last, bool(path)))
            at = found.end()
        if not parts:
            raise TemplateError(f"{self.text!r} holds no {{id}}: all images would have one key")
        parts.append(self._literal(self.text[at:]))
        return tuple(part for part in parts if part != "")

    def _literal(self, text: str) -> str:
        if "{" in text or "}" in text:
            raise TemplateError(
                f"{self.text!r}: a place is {{id}}, {{id[0:2]}}, {{id[2:]}} or {{id[:6]/}}"
            )
        return text

    @property
    def prefix(self) -> str:
        """The literal text before the first slice of the id."""
        first = self._parts[0]
        return first if isinstance(first, str) else ""

    @property
    def suffix(self) -> str:
        """The literal text after the last slice of the id."""
        last = self._parts[-1]
        return last if isinstance(last, str) else ""

    @property
    def folders(self) -> int:
        """The number of slashes after the prefix in the key of a sufficiently long id."""
        return sum(
            part.count("/") if isinstance(part, str) else part.is_path * (part.stop or 0)
            for part in self._parts
        ) - self.prefix.count("/")

    @property
    def is_reversible(self) -> bool:
        """True if a key contains the whole id."""
        slices = [part for part in self._parts if isinstance(part, _Slice)]
        known = {
            n for part in slices if part.stop is not None for n in range(part.start, part.stop)
        }
        tails = [part.start for part in slices if part.stop is None]
        return bool(tails) and set(range(min(tails))) <= known

    def key(self, image_id: str) -> str:
        """Return the key of an image's object."""
        return "".join(p if isinstance(p, str) else p.text(image_id) for p in self._parts)

    def image_id(self, key: str) -> str | None:
        """Return the image id of a key, or None when the key does not match the template.

        The template must be reversible, see :attr:`is_reversible`.
        """
        # A longer id has a longer key, so at most one length matches.
        for length in range(len(key), 0, -1):
            width = sum(len(p) if isinstance(p, str) else p.width(length) for p in self._parts)
            if width == len(key):
                return self._read(key, length)
            if width < len(key):
                return None
        return None

    def _read(self, key: str, length: int) -> str | None:
        """Return the id of this length, or None when the key does not match the template."""
        found: dict[int, str] = {}
        at = 0
        for part in self._parts:
            if isinstance(part, str):
                at += len(part)
                continue
            for number in part.characters(length):
                found[number] = key[at]
                at += 2 if part.is_path else 1
        image_id = "".join(found.get(number, "") for number in range(length))
        return image_id if len(image_id) == length and self.key(image_id) == key else None
