"""Cutting sequences into the batches that services take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into consecutive batches of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
