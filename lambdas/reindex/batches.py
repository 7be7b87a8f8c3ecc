"""Cutting what is to be done into the batches that services take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into consecutive batches of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def pages_of(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut what may not fit memory into consecutive lists of at most ``size``."""
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page
