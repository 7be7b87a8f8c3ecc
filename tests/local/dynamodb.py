"""DynamoDB Local: Amazon's own, for what a table really costs and for tables of a million rows."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.local import loopback, versions
from tests.local.cache import cached, fetch_from_maven
from tests.local.java import java_home
from tests.local.processes import Command, serve

_GROUP: Final = "software.amazon.dynamodb"
_LAUNCHER: Final = Path(__file__).with_name("DynamoDBOnLoopback.java")
# What it answers to a request that is not signed.
_BAD_REQUEST: Final = 400


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Runs an empty DynamoDB Local, in memory, for the time of a `with` block.

    Yields:
        Its URL. Any credentials and region do, and all see the same tables.

    Raises:
        LocalServerError: A JDK or Maven is missing, or the server could not be fetched or started.
    """
    java = java_home() / "bin" / "java"
    jars = cached(f"dynamodb-local-{versions.DYNAMODB_LOCAL}", _fetch)
    port = loopback.free_port()
    url = loopback.url(port)
    with tempfile.TemporaryDirectory(prefix="dynamodb-", ignore_cleanup_errors=True) as folder:
        command: Command = [
            *(java, f"-Djava.library.path={jars}", "-cp", f"{jars}/*", _LAUNCHER),
            *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)),
        ]
        log = Path(folder, "dynamodb-local.log")
        with serve(command, log=log, ready=url, ready_status=_BAD_REQUEST):
            yield url


def _fetch(folder: Path) -> None:
    fetch_from_maven("copy", _GROUP, "DynamoDBLocal", versions.DYNAMODB_LOCAL, "jar", into=folder)
