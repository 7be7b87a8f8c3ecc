"""ministack: AWS on this machine, for the demo and the end-to-end tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.calls import recording
from tests.local import loopback, versions
from tests.local.cache import python_tool
from tests.local.processes import serve

# No more than this, for lambdas inherit it in turn, and a variable of this shell must not hide one
# that their function's configuration lacks.
_INHERITED: Final = ("HOME", "LANG", "PATH")

_SHARED_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 4 * 1024**3


@dataclass(frozen=True)
class Ministack:
    """A running ministack.

    Attributes:
        url: The endpoint of all its services. Any credentials do; the account is 000000000000.
        log_path: Its log. What lambdas print is in there too, and in their log groups
            (`/aws/lambda/NAME`).
    """

    url: str
    log_path: Path

    def workers(self, function: str) -> list[int]:
        """Ids of the processes that run a function now, or that wait to run it again.

        Args:
            function: Its name.
        """
        listed = subprocess.run(
            ["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        )
        lines = (line.split(maxsplit=1) for line in listed.stdout.splitlines())
        # Their code is unpacked beside the log: what runs from there is this ministack's.
        marks = (str(self.log_path.parent), f"-{function}-")
        return sorted(int(pid) for pid, command in lines if all(m in command for m in marks))

    def reset(self) -> None:
        """Deletes every resource."""
        loopback.send("POST", f"{self.url}/_ministack/reset")


@contextmanager
def ministack(
    *, port: int | None = None, extra_env: Mapping[str, str] | None = None
) -> Iterator[Ministack]:
    """Runs an empty ministack for the time of a `with` block.

    Its lambdas run on this very Python, whatever their runtime says, and inherit `extra_env`.

    Args:
        port: Where to listen; a free port if None.
        extra_env: With `AWS_ENDPOINT_URL`, where the lambdas' own calls go, unless a function's
            configuration says otherwise; without it, they come back to this ministack.

    Raises:
        LocalServerError: It could not be installed or started.
    """
    program = python_tool(versions.MINISTACK) / "ministack"
    port = port or loopback.free_port()
    url = loopback.url(port)
    with tempfile.TemporaryDirectory(
        prefix="ministack-", dir=_memory(), ignore_cleanup_errors=True
    ) as folder:
        env = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "GATEWAY_PORT": str(port),
            "BIND_HOST": loopback.ADDRESS,
            "MINISTACK_HOST": loopback.ADDRESS,
            # The lambdas' code is unpacked here.
            "TMPDIR": folder,
            **recording.environment(url),
            **(extra_env or {}),
        }
        log = Path(folder, "ministack.log")
        with serve([program], log=log, ready=f"{url}/_ministack/health", env=env):
            yield Ministack(url, log)


def _memory() -> str | None:
    """A folder in memory, if there is one with room: every lambda's worker unpacks thousands of
    files of its own, which takes some disks longer than all that the lambda then does."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free > _ROOM:
        return str(_SHARED_MEMORY)
    return None


@contextmanager
def cloud() -> Iterator[str]:
    """The AWS endpoint `$AWS_ENDPOINT_URL`; without that, a ministack's for the `with` block."""
    if url := os.environ.get("AWS_ENDPOINT_URL"):
        yield url
    else:
        with ministack() as running:
            yield running.url
