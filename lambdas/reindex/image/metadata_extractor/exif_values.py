"""A tag's value, converted to the types that descriptions need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from reindex.image.metadata_extractor.numbers import Fraction, decimal
from reindex.image.text import decode
from reindex.image.tiff import ASCII, DOUBLE, FLOAT, RATIONAL, SRATIONAL, UNDEFINED, UTF8

if TYPE_CHECKING:
    from reindex.image.tiff import Directory, Entry, Tiff

MAX_NUMBERS: Final = 16
"""For a value with more numbers, only their count is shown."""

_DIGITS: Final = 10
"""Longest text that is parsed as a number; a 32-bit integer is not longer."""


@dataclass(frozen=True)
class Value:
    """One directory entry with its TIFF structure."""

    tiff: Tiff
    entry: Entry

    @property
    def is_float(self) -> bool:
        """True for a floating-point type, which no standard uses for a tag with a description."""
        return self.entry.kind in (FLOAT, DOUBLE)

    @cached_property
    def data(self) -> bytes:
        """The raw bytes."""
        return self.tiff.raw(self.entry)

    @cached_property
    def text(self) -> str:
        """The text of a tag that has no description of its own."""
        if self.entry.kind in (ASCII, UTF8):
            return decode(self.data)
        if self.entry.count > MAX_NUMBERS:
            return f"[{self.entry.count} values]"
        return self.whole_text

    @cached_property
    def whole_text(self) -> str:
        """The text of a tag, without a limit on the number of numbers."""
        if self.entry.kind in (ASCII, UTF8):
            return decode(self.data)
        if self.is_float:
            return " ".join(decimal(number, 3) for number in self.tiff.numbers(self.entry))
        if self.entry.kind in (RATIONAL, SRATIONAL) and len(self.fractions) > 1:
            return " ".join(f"{top}/{bottom}" for top, bottom in self.fractions)
        return " ".join(fraction.text for fraction in self.fractions)

    @cached_property
    def fractions(self) -> list[Fraction]:
        """The numbers of rationals, integers and undefined bytes; empty for text and floats."""
        if self.entry.kind == UNDEFINED:
            return [Fraction(byte, 1) for byte in self.data]
        if self.is_float:
            return []
        numbers = [int(number) for number in self.tiff.numbers(self.entry)]
        if self.entry.kind in (RATIONAL, SRATIONAL):
            return [
                Fraction(top, bottom)
                for top, bottom in zip(numbers[::2], numbers[1::2], strict=False)
            ]
        return [Fraction(number, 1) for number in numbers]

    @property
    def fraction(self) -> Fraction | None:
        """The number, if there is exactly one."""
        return self.fractions[0] if len(self.fractions) == 1 else None

    @property
    def integer(self) -> int | None:
        """The integer part of the number, if there is exactly one.

        Text that consists of digits is a number, too.
        """
        if self.entry.kind == ASCII:
            text = self.text.strip()
            is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
            return int(text) if is_number else None
        return None if self.fraction is None else int(self.fraction.value)


@dataclass(frozen=True)
class Values:
    """A directory's values by tag."""

    tiff: Tiff
    directory: Directory

    def get(self, tag: int) -> Value | None:
        """Return the value of a tag, or None if the directory lacks the tag."""
        entry = self.directory.entries.get(tag)
        return None if entry is None else Value(self.tiff, entry)

    def text(self, tag: int) -> str:
        """Return a tag's text, empty if it has none."""
        value = self.get(tag)
        return "" if value is None else value.text.strip()
