"""Where the corpus of real images is that some tests and benches read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "IMAGE_REINDEX_CORPUS"


def find_corpus() -> Path | None:
    """Return the corpus' directory (`photos`, `damaged`, `reference.json`), or None."""
    value = os.environ.get(VARIABLE)
    return Path(value) if value and (Path(value) / "photos").is_dir() else None


def corpus() -> Path:
    """Return the corpus' directory; without one skip the test, or fail it where CI=true."""
    found = find_corpus()
    if found is not None:
        return found
    reason = f"{VARIABLE} names no directory with photos, damaged and reference.json"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def photos(directory: Path) -> list[Path]:
    """Return the corpus' photos in a stable order."""
    return sorted(path for path in (directory / "photos").iterdir() if path.is_file())


def damaged(directory: Path) -> list[Path]:
    """Return the corpus' damaged files in a stable order."""
    return sorted(path for path in (directory / "damaged").iterdir() if path.is_file())


def reference(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what ExifTool reads from each photo (`-n -struct -G1`), by file name."""
    found: dict[str, dict[str, Any]] = json.loads((directory / "reference.json").read_text())
    return found


def java_reference(directory: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Return metadata-extractor's texts by file name, directory and tag; skip or fail as above."""
    path = directory / "reference-java.json"
    if not path.is_file():
        reason = f"{VARIABLE} names a directory without {path.name}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    found: dict[str, dict[str, dict[str, str]]] = json.loads(path.read_text())
    return found
