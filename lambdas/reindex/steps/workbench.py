"""A fresh temporary folder for each job, removed whatever happens."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Bytes that are read at once to compute a checksum.
_CHUNK = 1 << 20


@contextmanager
def workbench() -> Iterator[Path]:
    """Make a folder that is removed with all it holds when the block ends."""
    with tempfile.TemporaryDirectory(prefix="image-reindex-") as folder:
        yield Path(folder)


def sha1_of(path: Path) -> str:
    """Return the SHA-1 of a file's bytes in hex: the id of the image."""
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
