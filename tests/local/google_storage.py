"""fake-gcs-server: Google Cloud Storage on this machine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local import loopback, versions
from tests.local.cache import go_tool
from tests.local.processes import Command, serve


@contextmanager
def google_storage() -> Iterator[str]:
    """Runs an empty Google Cloud Storage for the time of a `with` block, and returns its URL.

    Google's clients call it where `STORAGE_EMULATOR_HOST` is that URL. It asks for no credentials.

    Raises:
        LocalServerError: Go is missing, or the server could not be built or started.
    """
    program = go_tool(versions.FAKE_GCS_SERVER) / "fake-gcs-server"
    port = loopback.free_port()
    url = loopback.url(port)
    command: Command = [
        *(program, "-backend", "memory", "-scheme", "http", "-host", loopback.ADDRESS),
        # Of objects, it serves requests for this host only, on whatever port.
        *("-port", str(port), "-public-host", loopback.ADDRESS, "-log-level", "error"),
    ]
    with tempfile.TemporaryDirectory(prefix="gcs-", ignore_cleanup_errors=True) as folder:
        log = Path(folder, "fake-gcs-server.log")
        with serve(command, log=log, ready=f"{url}/_internal/healthcheck"):
            yield url
