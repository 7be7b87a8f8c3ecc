"""A fresh temporary folder for each job, removed whatever happens."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "image-reindex-work-"

#: Bytes that are read at once to compute a checksum.
_CHUNK = 1 << 20


@contextmanager
def workbench() -> Iterator[Path]:
    """Make a folder that is removed with all it holds when the block ends."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield Path(folder)


def remove_leftovers() -> None:
    """Remove the folders of invocations that were killed in this function's environment.

    Lambda gives an environment one invocation at a time, and may keep its files.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def sha1_of(path: Path) -> str:
    """Return the SHA-1 of a file's bytes in hex: the id of the image."""
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
