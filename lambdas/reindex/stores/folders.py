"""The keys under many images' folders, in as few LISTs as their density in the bucket allows.

A LIST costs as much as twelve GETs and returns up to a thousand keys. If the requested images are
close together in the bucket, one page from the first image's folder on holds the folders of many:
two sorted sequences are merged. If they are far apart, such a page would hold a thousand keys of
other images. So each folder is listed alone, which costs the same and returns only its own keys.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol

from reindex.domain.failures import Failure, ReindexFailure

Keys = Sequence[str] | Failure
"""Keys in order, or the failure to list them."""

#: Folders in a page below which the next ones are listed alone. To read a page of a thousand keys
#: costs processor time, and pages follow each other in turn, while folders are listed concurrently.
WORTHWHILE = 8

#: Folders that are listed alone after the first page that was not worthwhile.
FIRST_ALONE = 4

#: Factor for that number after each further such page: a hundred images far apart take three pages.
ALONE_GROWTH = 8


@dataclass(frozen=True, slots=True)
class KeyPage:
    """A page of a listing.

    Attributes:
        keys: In order of their UTF-8 bytes, which is that of Python's strings.
        more: True if other keys may follow.
    """

    keys: Sequence[str]
    more: bool


class Bucket(Protocol):
    """A bucket that can be listed."""

    def page(self, after: str) -> KeyPage:
        """Return the keys that follow ``after``: one request."""
        ...

    def within(self, folder: str, after: str) -> Sequence[str]:
        """Return all keys of a folder that follow ``after``: one request for each page."""
        ...


class Parallel(Protocol):
    """Runs calls concurrently and returns their results in order: an executor's ``map``."""

    def __call__(self, work: Callable[[str], Keys], ids: Sequence[str], /) -> Iterable[Keys]:
        """Return the results of ``work`` for each of ``ids``, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class _Listed:
    """All keys from one folder on.

    Attributes:
        keys: In order.
        end: Keys from this on may be missing; None when there are no others.
    """

    keys: Sequence[str]
    end: str | None

    def covers(self, folder: str) -> bool:
        """Return True if every key of the folder is here."""
        return self.end is None or _end(folder) <= self.end

    def of(self, folder: str) -> Sequence[str]:
        """Return the keys of the folder."""
        start = bisect_right(self.keys, folder)
        return self.keys[start : bisect_left(self.keys, _end(folder), start)]


def keys_by_image(
    ids: Iterable[str],
    bucket: Bucket,
    in_parallel: Parallel,
    folder_of: Callable[[str], str] = "{}/".format,
) -> dict[str, Keys]:
    """List the folders of images.

    At most one request for each image whose folder holds less than a page of keys; for any other
    one more for each full page. If a page cannot be read, all images that are still to be listed
    fail, because it is not known how many of them it holds. If a folder that is listed alone cannot
    be read, only its own image fails.

    Args:
        ids: Of images, in any order.
        bucket: Where their folders are.
        in_parallel: Used for folders that are listed alone.
        folder_of: Returns the folder of an image: the prefix that all its keys have, and no others.
            It ends with a character that is in no id, such as a slash.

    Returns:
        One entry per id: the keys in its folder, or the failure to list them. An object with the
        folder's own name is a placeholder of some tools, and is left out.
    """
    images = {folder_of(image_id): image_id for image_id in ids}
    found: dict[str, Keys] = {}
    left = sorted(images)
    alone = 0
    while len(left) > 1:
        try:
            listed = _listed_from(bucket, left[0])
        except ReindexFailure as failure:
            found |= dict.fromkeys(left, failure.as_failure())
            left = []
            break
        served = list(takewhile(listed.covers, left))
        found |= {folder: listed.of(folder) for folder in served}
        left = left[len(served) :]
        if len(served) >= WORTHWHILE:
            alone = 0
            continue
        alone = alone * ALONE_GROWTH or FIRST_ALONE
        apart, left = left[:alone], left[alone:]
        found |= zip(apart, in_parallel(lambda folder: _alone(bucket, folder), apart), strict=True)
    found |= {folder: _alone(bucket, folder) for folder in left}
    return {images[folder]: keys for folder, keys in found.items()}


def _listed_from(bucket: Bucket, folder: str) -> _Listed:
    """List from a folder on, at least to its end."""
    page = bucket.page(folder)
    if not page.more:
        return _Listed(page.keys, None)
    last = page.keys[-1] if page.keys else folder
    if not last.startswith(folder):
        return _Listed(page.keys, last)
    return _Listed([*page.keys, *bucket.within(folder, last)], _end(folder))


def _alone(bucket: Bucket, folder: str) -> Keys:
    try:
        return bucket.within(folder, folder)
    except ReindexFailure as failure:
        return failure.as_failure()


def _end(folder: str) -> str:
    """Return the first possible key after every key of a folder: "0" follows the slash."""
    return folder[:-1] + chr(ord(folder[-1]) + 1)
