"""A real Elasticsearch: Elastic's own server as published to Maven for integration tests.

It has no optional modules, so no analysis-common, no painless, no `_reindex`, no `scaled_float`;
and no `GET /`, so a client's `info()` and `ping()` fail where every other call works.
"""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.local import loopback, versions
from tests.local.cache import cached, fetch_from_maven
from tests.local.index_server import IndexServer
from tests.local.java import java_home
from tests.local.processes import Command, run, serve

_GROUP: Final = "org.elasticsearch.distribution.integ-test-zip"
_HEAP: Final = "1g"


@contextmanager
def real_elasticsearch() -> Iterator[IndexServer]:
    """Runs an empty single-node Elasticsearch for the time of a `with` block.

    It takes 15 to 25 s to start and 1.4 GB of memory. The server refuses to run as root; then it
    runs as `nobody`.

    Raises:
        LocalServerError: A JDK or Maven is missing, or the server could not be fetched or started.
    """
    java = java_home()
    distribution = cached(f"elasticsearch-{versions.ELASTICSEARCH}", _fetch)
    port = loopback.free_port()
    url = loopback.url(port)
    with tempfile.TemporaryDirectory(prefix="elasticsearch-", ignore_cleanup_errors=True) as folder:
        # A copy, because configuration, data and logs live inside, and because `nobody` cannot
        # read root's cache.
        home = Path(folder, "home")
        shutil.copytree(distribution / f"elasticsearch-{versions.ELASTICSEARCH}", home)
        Path(home, "config", "elasticsearch.yml").write_text(_settings(port), encoding="utf-8")
        scratch = Path(folder, "tmp")
        scratch.mkdir()
        command: Command = [home / "bin" / "elasticsearch"]
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", folder])
            user = ["--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid)]
            command = ["setpriv", *user, "--clear-groups", *command]
        env = {
            **os.environ,
            "ES_JAVA_HOME": str(java),
            "ES_JAVA_OPTS": f"-Xms{_HEAP} -Xmx{_HEAP}",
            "ES_PATH_CONF": str(home / "config"),
            "ES_TMPDIR": str(scratch),
        }
        log = Path(folder, "elasticsearch.log")
        with serve(command, log=log, ready=f"{url}/_cluster/health", env=env, start_seconds=180):
            yield IndexServer.at(url, "elasticsearch")


def _fetch(folder: Path) -> None:
    fetch_from_maven("unpack", _GROUP, "elasticsearch", versions.ELASTICSEARCH, "zip", into=folder)


def _settings(port: int) -> str:
    return f"""\
cluster.name: image-reindex-tests
discovery.type: single-node
http.host: {loopback.ADDRESS}
http.port: {port}
transport.host: {loopback.ADDRESS}
transport.port: {loopback.free_port()}
xpack.security.enabled: false
# A nearly full disk would make indices read-only.
cluster.routing.allocation.disk.threshold_enabled: false
"""
