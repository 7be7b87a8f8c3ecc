"""The run's private bucket."""

from __future__ import annotations

from typing import IO, Protocol


class RunFiles(Protocol):
    """The run's private bucket: claim checks, tallies, samples, reports."""

    def create(self, key: str, body: bytes) -> bool:
        """Store a file unless one of that key exists; return False if it does."""
        ...

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        """Store a file."""
        ...

    def upload(self, key: str, body: IO[bytes]) -> None:
        """Store a file of any size as a stream."""
        ...

    def get(self, key: str) -> bytes:
        """Read a file.

        Raises:
            KeyError: There is none.
        """
        ...

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix, in order."""
        ...
