"""A fresh temporary folder for each job, removed whatever happens."""

from __future__ import annotations

import hashlib
import os
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
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        yield Path(folder)


def remove_leftovers() -> None:
    """Remove the folders of processes that were killed at work.

    To be called between jobs: a folder of this process itself is one of a process before it that
    had the same number.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not owner.isdigit() or int(owner) == os.getpid() or not _is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sha1_of(path: Path) -> str:
    """Return the SHA-1 of a file's bytes in hex: the id of the image."""
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
