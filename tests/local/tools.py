"""Programs that some tests need and this project does not install: which are missing here.

``python -m tests.local.tools`` prints a line for each, with what does not run without it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.browser import chromium
from tests.local import versions
from tests.local.java import java_home
from tests.local.processes import LocalServerError, run
from tests.local.versions import SearchServer


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is found on the machine or not.

    Attributes:
        name: For people.
        needed_for: What does not run without it.
        is_here: Returns True if it is installed.
    """

    name: str
    needed_for: str
    is_here: Callable[[], bool]


def _has_jdk(least: int = versions.JAVA) -> bool:
    try:
        java_home(least)
    except LocalServerError:
        return False
    return True


def _has_go() -> bool:
    try:
        version = re.search(r"go(\d+)\.(\d+)", run(["go", "version"]))
    except LocalServerError:
        return False
    return version is not None and (int(version[1]), int(version[2])) >= versions.GO


def find_imagemagick() -> str | None:
    """Return ImageMagick's program, whatever else is called ``convert``; None without one."""
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in (Path(folder, "magick"), Path(folder, "convert")):
            if not os.access(program, os.X_OK):
                continue
            said = subprocess.run([program, "-version"], capture_output=True, check=False).stdout
            if said.startswith(b"Version: ImageMagick"):
                return str(program)
    return None


#: What the newest search servers need.
_NEWEST_JAVA: Final = max(server.value.java for server in SearchServer)

_SERVERS: Final = (
    "tests on real search servers and on DynamoDB Local, make demo ENGINE=opensearch, "
    "make chaos REAL=elasticsearch or opensearch, make bench"
)

TOOLS: Final = (
    Tool(f"a JDK, {versions.JAVA} or later", _SERVERS, _has_jdk),
    Tool(
        f"a JDK, {_NEWEST_JAVA} or later",
        "tests on Elasticsearch 9 and OpenSearch 3",
        lambda: _has_jdk(_NEWEST_JAVA),
    ),
    Tool("Maven", f"the first time: {_SERVERS}", lambda: shutil.which("mvn") is not None),
    Tool(
        f"Go, {'.'.join(map(str, versions.GO))} or later",
        "the first time: tests of images in Google Cloud Storage",
        _has_go,
    ),
    Tool("Chromium", "tests of pages in a browser", lambda: chromium.find() is not None),
    Tool(
        "exiftool",
        "the comparison with exiftool in make bench",
        lambda: shutil.which("exiftool") is not None,
    ),
    Tool(
        "vipsthumbnail (libvips-tools)",
        "the comparison of renditions with it in make bench",
        lambda: shutil.which("vipsthumbnail") is not None,
    ),
    Tool(
        "ImageMagick",
        "the comparison of renditions with it in make bench",
        lambda: find_imagemagick() is not None,
    ),
)


def missing() -> Iterator[str]:
    """Return a line for each program that the machine lacks."""
    for tool in TOOLS:
        if not tool.is_here():
            yield f"missing: {tool.name}. Without it these do not run: {tool.needed_for}"


def main() -> None:
    """Print what is missing."""
    for line in missing():
        print(line)


if __name__ == "__main__":
    main()
