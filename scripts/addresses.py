"""Addresses of buckets and objects, as they are given and shown."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

StoreName = Literal["s3", "gs"]
"""S3 or Google Cloud Storage."""

GOOGLE: Final = "gs://"


class Address(NamedTuple):
    """A bucket, or with a key or a prefix of keys what is in it."""

    store: StoreName
    bucket: str
    key: str

    def __str__(self) -> str:
        """Return how it is given: ``gs://bucket/key``, ``/bucket/key``."""
        return f"{GOOGLE if self.store == 'gs' else '/'}{self.bucket}/{self.key}"


def google_address(text: str) -> Address | None:
    """Return what ``gs://bucket/key`` names; None if ``text`` does not begin so.

    The bucket and the key may be empty.
    """
    if not text.startswith(GOOGLE):
        return None
    bucket, _, key = text.removeprefix(GOOGLE).partition("/")
    return Address("gs", bucket, key)
