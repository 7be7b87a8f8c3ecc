"""The run's bucket, in memory."""

from __future__ import annotations

from typing import IO

from reindex.stores.interfaces.run_files import RunFiles
from tests.twins.outages import Outages


class MemoryRunFiles(Outages, RunFiles):
    """The twin of ``S3RunFiles``.

    Attributes:
        files: Bodies by key.
        content_types: By key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.content_types: dict[str, str] = {}

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        self.answer()
        self.files[key] = body
        self.content_types[key] = content_type

    def create(self, key: str, body: bytes) -> bool:
        self.answer()
        if key in self.files:
            return False
        self.files[key] = body
        return True

    def upload(self, key: str, body: IO[bytes]) -> None:
        self.put(key, body.read(), "binary/octet-stream")

    def get(self, key: str) -> bytes:
        self.answer()
        return self.files[key]

    def keys(self, prefix: str) -> list[str]:
        self.answer()
        return sorted(key for key in self.files if key.startswith(prefix))
