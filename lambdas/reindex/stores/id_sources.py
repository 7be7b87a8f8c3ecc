"""Sources of ids in S3: the bucket of originals, and files of ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise, zip_longest
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.domain.failures import SourceUnusable
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings
from reindex.stores.aws import error_code, unavailable
from reindex.stores.interfaces.id_sources import IdPage, Part
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.sources import ARCHIVES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

#: Bytes of a file's part: some hundred thousand ids.
PART_BYTES = 8 * 1024 * 1024

#: Bytes of a file that are read at once: many times the longest valid line.
BLOCK_BYTES = 256 * 1024

_SERVICE = "S3"


class KeyRanges:
    """The objects of one kind in a bucket, listed in order of their keys.

    Its parts are ranges of keys between folders, so that every key is in one of them.

    Args:
        client: Of S3.
        bucket: Its name.
        template: Of the keys, or of what they begin with.
        others: Templates of the kinds that are kept in the same bucket, each under a prefix of its
            own: they are passed over.
    """

    def __init__(
        self, client: S3Client, bucket: str, template: KeyTemplate, others: Iterable[str] = ()
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._template = template
        prefixes = {KeyTemplate(text).prefix for text in others}
        self._others = tuple(sorted(prefixes - {"", template.prefix}))

    @unavailable(_SERVICE)
    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut the bucket along its folders: two levels deep when ids are in hexadecimal.

        Args:
            at_most: Most parts. There may be a quarter of that, or the whole as the only one.

        Raises:
            SourceUnusable: The keys do not contain the whole ids.
            StoreUnavailable: S3 does not list the bucket.
        """
        if not self._template.is_reversible:
            raise SourceUnusable(
                f"keys of the form {self._template.text} do not say the whole id: take the ids "
                "from the index, or from a file"
            )
        folders: list[str] = []
        for _ in range(self._template.folders if at_most > 1 else 0):
            deeper = sorted(islice(self._below(folders or [self._template.prefix]), at_most + 1))
            if not 0 < len(deeper) <= at_most:
                break
            folders = deeper
            if len(folders) >= at_most // 4:
                break
        # The first part begins with the bucket, and the last ends with it.
        return ranges(folders[1:])

    @unavailable(_SERVICE)
    def page(
        self, part: Part, after: Cursor | None
    ) -> tuple[Sequence[ObjectTypeDef], Cursor | None]:
        """Return the objects in the next thousand keys; there may be none.

        Raises:
            StoreUnavailable: S3 does not list the bucket.
        """
        answer = self._client.list_objects_v2(
            Bucket=self._bucket,
            Prefix=self._template.prefix,
            StartAfter=(after or part)["after"],
        )
        listed = answer.get("Contents", [])
        until = part["until"]
        inside = [found for found in listed if until is None or found["Key"] < until]
        ours = [found for found in inside if not found["Key"].startswith(self._others)]
        if not answer["IsTruncated"] or len(inside) < len(listed):
            return ours, None
        return ours, {"after": self._past_others(listed[-1]["Key"])}

    def _past_others(self, key: str) -> str:
        """Return the key, or, below a prefix of another kind, the first key after that."""
        for prefix in self._others:
            if key.startswith(prefix):
                return prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return key

    def _below(self, folders: Iterable[str]) -> Iterator[str]:
        """Yield the folders in some folders, except those of other kinds."""
        pages = self._client.get_paginator("list_objects_v2")
        for folder in folders:
            for page in pages.paginate(Bucket=self._bucket, Prefix=folder, Delimiter="/"):
                for found in page.get("CommonPrefixes", []):
                    if not found["Prefix"].startswith(self._others):
                        yield found["Prefix"]


def ranges(bounds: Sequence[str]) -> list[Part]:
    """Return the ranges of keys that some keys, in order, are the bounds of."""
    starts = ["", *bounds]
    return [{"after": a, "until": b} for a, b in zip_longest(starts, starts[1:])]


def kinds_in(library: LibrarySettings, bucket: str | None) -> set[str]:
    """Return the templates of the kinds of objects that a library keeps in a bucket."""
    kinds = {
        library.original_key: library.originals_bucket,
        library.optimised_png_key: library.originals_bucket,
        library.thumbnail_key: library.thumbnails_bucket,
        library.crops_folder: library.crops_bucket,
    }
    return {template for template, place in kinds.items() if place == bucket}


def original_keys(client: S3Client, library: LibrarySettings) -> KeyRanges:
    """Return the keys of a library's originals."""
    bucket = library.originals_bucket
    template = KeyTemplate(library.original_key)
    return KeyRanges(client, bucket, template, kinds_in(library, bucket))


class BucketIds:
    """The ids of all originals, by listing their bucket.

    Args:
        client: Of S3.
        library: Where the originals are, and how they are named. What the library keeps beside
            them in the same bucket, under a prefix of its own, is passed over.
    """

    def __init__(self, client: S3Client, library: LibrarySettings) -> None:
        self._keys = original_keys(client, library)
        self._template = KeyTemplate(library.original_key)

    def parts(self, at_most: int) -> Sequence[Part]:
        """See :meth:`KeyRanges.parts`."""
        return self._keys.parts(at_most)

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Return the ids in the next thousand keys; there may be none.

        Raises:
            StoreUnavailable: S3 does not list the bucket.
        """
        found, following = self._keys.page(part, after)
        named = [(self._template.image_id(each["Key"]), each) for each in found]
        originals = [image_id for image_id, _ in named if image_id is not None]
        archived = sum(
            each.get("StorageClass") in ARCHIVES for image_id, each in named if image_id is not None
        )
        return IdPage(originals, following, archived)


class FileIds:
    """The ids in a file of the run's bucket, one per line.

    Its parts are ranges of bytes that begin and end with a line.

    Args:
        client: Of S3.
        bucket: The run's.
        key: Of the file.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key

    @unavailable(_SERVICE)
    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut the file into parts of some megabytes.

        Raises:
            SourceUnusable: There is no such file, it is empty, or its lines are not ids.
            StoreUnavailable: S3 does not answer.
        """
        size = self._size()
        if size == 0:
            raise SourceUnusable(f"{self._key} is empty")
        step = max(PART_BYTES, -(-size // at_most))
        starts = [0, *(self._next_line(at, size) for at in range(step, size, step))]
        return [{"start": a, "end": b} for a, b in pairwise([*starts, size]) if a < b]

    @unavailable(_SERVICE)
    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Return the ids of the next whole lines.

        Raises:
            SourceUnusable: Its lines are not ids.
            StoreUnavailable: S3 does not answer.
        """
        at, end = (after or part)["start"], part["end"]
        block = self._read(at, min(BLOCK_BYTES, end - at))
        if at + len(block) < end:
            block = block[: block.rfind(b"\n") + 1]
            self._require(block)
        # A byte that is not UTF-8 makes only its own line an invalid id.
        text = block.decode("utf-8-sig" if at == 0 else "utf-8", "surrogateescape")
        ids = [line for line in map(str.strip, text.split("\n")) if line]
        following = at + len(block)
        return IdPage(ids, {"start": following} if following < end else None)

    def _size(self) -> int:
        try:
            return self._client.head_object(Bucket=self._bucket, Key=self._key)["ContentLength"]
        except ClientError as error:
            if error_code(error) != "404":
                raise
            raise SourceUnusable(f"there is no {self._key} in the run's bucket") from error

    def _next_line(self, at: int, size: int) -> int:
        """Return the position of the first line that begins at a position or later."""
        block = self._read(at - 1, BLOCK_BYTES)
        newline = block.find(b"\n")
        if newline < 0 and at - 1 + len(block) == size:
            return size
        self._require(newline >= 0)
        return at + newline

    def _read(self, at: int, length: int) -> bytes:
        answer = self._client.get_object(
            Bucket=self._bucket, Key=self._key, Range=f"bytes={at}-{at + length - 1}"
        )
        return answer["Body"].read()

    def _require(self, line_end: object) -> None:
        if not line_end:
            raise SourceUnusable(f"{self._key} is no list of ids: {BLOCK_BYTES} bytes are one line")
