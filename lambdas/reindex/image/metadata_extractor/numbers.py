"""Numbers in the format of Java: fractions, and decimals rounded half up."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from math import gcd, isfinite
from typing import Final, NamedTuple

_SHORT_DECIMAL: Final = 5
"""Length from which a decimal is written as a fraction instead."""

_EVERY_DIGIT: Final = Context(prec=400)
"""Digits of the largest double, which a damaged file may hold."""


class Fraction(NamedTuple):
    """A rational as stored in a file: possibly not reduced, possibly with denominator zero."""

    top: int
    bottom: int

    @property
    def value(self) -> float:
        """The quotient; 0 if the denominator is zero."""
        return self.top / self.bottom if self.bottom else 0.0

    @property
    def reciprocal(self) -> Fraction:
        """The inverse."""
        return Fraction(self.bottom, self.top)

    @property
    def text(self) -> str:
        """An integer, a short decimal (``0.3``), or a reduced fraction (``1/60``)."""
        if self.bottom == 0:
            return "0" if self.top == 0 else f"{self.top}/0"
        if self.top % self.bottom == 0:
            return str(self.top // self.bottom)
        decimal = repr(self.value)
        if len(decimal) < _SHORT_DECIMAL:
            return decimal
        divisor = gcd(self.top, self.bottom)
        return f"{self.top // divisor}/{self.bottom // divisor}"


def decimal(number: float, most: int, least: int = 0) -> str:
    """Return a number with ``least`` to ``most`` decimal places, rounded half up."""
    if not isfinite(number):
        return str(number)
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP, _EVERY_DIGIT)
    text = f"{rounded:f}"
    whole, _, digits = text.partition(".")
    digits = digits[:least] + digits[least:].rstrip("0")
    return f"{whole}.{digits}" if digits else whole
