"""A real Elasticsearch: Elastic's own server as published to Maven for integration tests.

It has no optional modules, so no analysis-common, no painless, no `_reindex`, no `scaled_float`;
and no `GET /`, so a client's `info()` and `ping()` fail where every other call works.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.local.cache import cached, fetch_from_maven
from tests.local.java import java_home
from tests.local.search_node import Program
from tests.local.versions import Release

_GROUP: Final = "org.elasticsearch.distribution.integ-test-zip"


def elasticsearch(release: Release, heap: str, folder: Path, lines: Sequence[str]) -> Program:
    """Prepares a node of Elasticsearch in an empty folder.

    Raises:
        LocalServerError: A JDK or Maven is missing, or the server could not be fetched.
    """
    name = f"elasticsearch-{release.version}"
    distribution = cached(name, lambda into: _fetch(release, into))
    # A copy, because configuration, data and logs live inside, and because ``nobody`` cannot read
    # root's cache.
    home = folder / "home"
    shutil.copytree(distribution / name, home)
    settings = [*lines, "xpack.security.enabled: false"]
    Path(home, "config", "elasticsearch.yml").write_text("\n".join(settings), encoding="utf-8")
    scratch = folder / "tmp"
    scratch.mkdir()
    env = {
        **os.environ,
        "ES_JAVA_HOME": str(java_home(release.java)),
        "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}",
        "ES_PATH_CONF": str(home / "config"),
        "ES_TMPDIR": str(scratch),
    }
    return Program("elasticsearch", folder, [home / "bin" / "elasticsearch"], env)


def _fetch(release: Release, folder: Path) -> None:
    fetch_from_maven("unpack", _GROUP, "elasticsearch", release.version, "zip", into=folder)
