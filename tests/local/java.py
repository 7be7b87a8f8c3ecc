"""Finding a Java that the local servers run on."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.local import versions
from tests.local.processes import LocalServerError, run


def java_home(least: int = versions.JAVA) -> Path:
    """The home of the first JDK that is new enough: `$JAVA_HOME`, `java` on the path, installed.

    A runtime without a compiler does not do: DynamoDB Local's launcher is compiled as it starts.

    Args:
        least: The oldest version that will do.

    Raises:
        LocalServerError: There is none.
    """
    for java in _candidates():
        settings = run([java, "-XshowSettings:properties", "-version"])
        version = re.search(r"java\.specification\.version = (\d+)", settings)
        home = re.search(r"java\.home = (.+)", settings)
        if version is None or home is None or int(version[1]) < least:
            continue
        if Path(home[1], "bin", "javac").exists():
            return Path(home[1])
    raise LocalServerError(f"no JDK {least} or later found: install one, or set JAVA_HOME to it")


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if java := shutil.which("java"):
        yield Path(java)
    # Where Linux distributions keep those that are not the default.
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
