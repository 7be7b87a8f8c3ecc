"""How a library names its objects: keys made of an image's id, and ids read back from keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

#: A part of the id: ``{id}``, ``{id[0:2]}``, ``{id[2:]}``, ``{id[3]}``, and with a slash after each
#: of its characters: ``{id[:6]/}``.
_PLACE: Final = re.compile(r"\{id(?:\[(?:(\d+)|(\d*):(\d*))\])?(/?)\}")


class TemplateError(ValueError):
    """A template cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some characters of an id; as many of them as it has.

    Attributes:
        start: The first, from 0.
        stop: That after the last; None for all that there are.
        is_path: Whether each is followed by a slash, as a folder of its own.
    """

    start: int
    stop: int | None
    is_path: bool

    def characters(self, length: int) -> range:
        """Which characters of an id of a length these are."""
        return range(self.start, length if self.stop is None else min(self.stop, length))

    def text(self, image_id: str) -> str:
        """Return them as they stand in a key."""
        found = image_id[self.start : self.stop]
        return "".join(f"{character}/" for character in found) if self.is_path else found

    def width(self, length: int) -> int:
        """How many characters of a key they take, for an id of a length."""
        return len(self.characters(length)) * (2 if self.is_path else 1)


@dataclass(frozen=True)
class KeyTemplate:
    """The form of the keys of one kind of object: ``{id[:6]/}{id}``, ``originals/{id}.jpg``.

    Attributes:
        text: As it is written in a setting.
    """

    text: str

    @cached_property
    def _parts(self) -> tuple[str | _Slice, ...]:
        """Texts and parts of the id, in turn.

        Raises:
            TemplateError: It holds a brace that is none of ours, or no part of the id.
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
        """What every key begins with, before any part of the id."""
        first = self._parts[0]
        return first if isinstance(first, str) else ""

    @property
    def suffix(self) -> str:
        """What every key ends with, after any part of the id."""
        last = self._parts[-1]
        return last if isinstance(last, str) else ""

    @property
    def folders(self) -> int:
        """How many slashes a key has behind its prefix, for an id that is long enough."""
        return sum(
            part.count("/") if isinstance(part, str) else part.is_path * (part.stop or 0)
            for part in self._parts
        ) - self.prefix.count("/")

    @property
    def is_reversible(self) -> bool:
        """Whether a key says the whole id."""
        slices = [part for part in self._parts if isinstance(part, _Slice)]
        told = {n for part in slices if part.stop is not None for n in range(part.start, part.stop)}
        tails = [part.start for part in slices if part.stop is None]
        return bool(tails) and set(range(min(tails))) <= told

    def key(self, image_id: str) -> str:
        """Return the key of an image's object."""
        return "".join(p if isinstance(p, str) else p.text(image_id) for p in self._parts)

    def image_id(self, key: str) -> str | None:
        """Return the id of the image whose object has a key; None when none can have it.

        Only of a template that :attr:`is_reversible`.
        """
        # A longer id has a longer key, so that at most one length fits.
        for length in range(len(key), 0, -1):
            width = sum(len(p) if isinstance(p, str) else p.width(length) for p in self._parts)
            if width == len(key):
                return self._read(key, length)
            if width < len(key):
                return None
        return None

    def _read(self, key: str, length: int) -> str | None:
        """Read an id of a length; None when the key is not of this form."""
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
