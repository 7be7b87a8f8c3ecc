"""noida-db: a small server that speaks Elasticsearch's API, the default for tests and the demo."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local import loopback, versions
from tests.local.cache import python_tool
from tests.local.index_server import IndexServer
from tests.local.processes import Command, serve


@contextmanager
def noida() -> Iterator[IndexServer]:
    """Runs an empty noida-db for the time of a `with` block.

    Raises:
        LocalServerError: It could not be installed or started.
    """
    program = python_tool(versions.NOIDA) / "noida-db"
    port = loopback.free_port()
    url = loopback.url(port)
    with tempfile.TemporaryDirectory(prefix="noida-", ignore_cleanup_errors=True) as folder:
        command: Command = [
            *(program, "start", "--data-dir", Path(folder, "data")),
            *("--only", "elasticsearch", "--elasticsearch-port", str(port)),
        ]
        with serve(command, log=Path(folder, "noida-db.log"), ready=url):
            yield IndexServer.at(url, "noida")


@contextmanager
def index_server() -> Iterator[IndexServer]:
    """The search server at `$ELASTICSEARCH_URL`; without that, noida-db for the `with` block."""
    if url := os.environ.get("ELASTICSEARCH_URL"):
        yield IndexServer.at(url, "given")
    else:
        with noida() as server:
            yield server
