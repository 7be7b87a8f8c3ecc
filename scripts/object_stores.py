"""Stores of objects that ``reindex image-meta`` reads from, and S3 as one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from reindex.domain.failures import InternalFailure
from reindex.settings import LibrarySettings
from reindex.stores.aws import CLIENT_CONFIG, unavailable
from reindex.stores.interfaces.library import OpenObject
from reindex.stores.originals import S3Originals
from reindex.stores.sources import source_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class StoreUnusable(InternalFailure):
    """This machine cannot call a store: it lacks the store's client, or credentials."""


class ObjectStore(Protocol):
    """Buckets of objects, read only; safe to use from several threads."""

    def open_key(self, bucket: str, key: str) -> OpenObject | None:
        """Open an object: one request, which brings its first bytes too; None if there is none.

        What is read later is of the same version, or raises.

        Raises:
            SourceForbidden: The store denies access, or the bucket does not exist.
            SourceUnavailable: It does not answer; also raised by reading the file.
        """
        ...

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in their order, page by page.

        Raises:
            StoreUnavailable: The store does not list them.
        """
        ...


class S3Objects(S3Originals):
    """S3, as an :class:`ObjectStore`.

    Args:
        objects: Client that reads objects.
        lists: Client that lists keys; more patient, because a page that fails ends the command.
    """

    def __init__(self, objects: S3Client, lists: S3Client) -> None:
        # Objects are opened by their keys, so no bucket of a library is needed.
        super().__init__(objects, LibrarySettings(originals_bucket=""))
        self._lists = lists

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """See :meth:`ObjectStore.keys`."""
        with unavailable("S3"):
            pages = self._lists.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield found["Key"]


def connect_s3(concurrency: int) -> ObjectStore:
    """Return S3, with the credentials and the region of this machine.

    Args:
        concurrency: Requests in flight at once.
    """
    # It takes a second to import, and local files need none of it.
    import boto3

    return S3Objects(
        boto3.client("s3", config=source_config(concurrency)),
        boto3.client("s3", config=CLIENT_CONFIG),
    )
