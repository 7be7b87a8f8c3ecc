"""A node of a real search server: a process with a folder of its own, which survives it."""

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.local import loopback
from tests.local.processes import Command, run, serve

#: Seconds a node may take to start on a busy machine.
_START_SECONDS = 180


@dataclass(frozen=True)
class Program:
    """How a release is started.

    Attributes:
        name: For the logs.
        home: The folder of the node, with its configuration.
        command: The program and its arguments.
        env: Its whole environment.
    """

    name: str
    home: Path
    command: Command
    env: Mapping[str, str]


@dataclass
class Node:
    """A node that can be killed and started again, with the same data, name and ports.

    Attributes:
        url: Its base URL.
        name: Its name in the cluster.
    """

    url: str
    name: str
    _program: Program
    _running: ExitStack = field(default_factory=ExitStack)
    _kill: Callable[[], None] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers.

        Raises:
            LocalServerError: It did not start.
        """
        # A node that has not found its cluster yet answers this, but no question about health.
        self._kill = self._running.enter_context(
            serve(
                self._program.command,
                log=self._program.home / f"{self._program.name}.log",
                ready=f"{self.url}/_cluster/health",
                env=self._program.env,
                start_seconds=_START_SECONDS,
            )
        )

    def kill(self) -> None:
        """End the process and all it started with SIGKILL; its data stays."""
        assert self._kill, "not started"
        self._kill()
        self._running.close()
        self._kill = None

    def stop(self) -> None:
        """End the process."""
        self._running.close()
        self._kill = None


@contextmanager
def nodes(
    make: Callable[[Path, Sequence[str]], Program], settings: Sequence[Mapping[str, str]]
) -> Iterator[Sequence[Node]]:
    """Start the nodes of one cluster for the time of a `with` block, one after another.

    Args:
        make: Prepares a node's folder; is given the lines of its configuration.
        settings: What differs between the nodes' configurations.

    Raises:
        LocalServerError: One did not start.
    """
    with ExitStack() as stack:
        started = []
        ports = [(loopback.free_port(), loopback.free_port()) for _ in settings]
        for number, ((http, transport), own) in enumerate(zip(ports, settings, strict=True)):
            folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="search-", ignore_cleanup_errors=True)
                )
            )
            name = f"node-{number}"
            lines = [
                "cluster.name: image-reindex-tests",
                f"node.name: {name}",
                f"http.host: {loopback.ADDRESS}",
                f"http.port: {http}",
                f"transport.host: {loopback.ADDRESS}",
                f"transport.port: {transport}",
                # A nearly full disk would make indices read-only.
                "cluster.routing.allocation.disk.threshold_enabled: false",
                *(f"{key}: {value}" for key, value in own.items()),
            ]
            if len(settings) == 1:
                lines.append("discovery.type: single-node")
            else:
                seeds = [f"{loopback.ADDRESS}:{port}" for _, port in ports]
                lines.append(f"discovery.seed_hosts: {seeds}")
            node = Node(loopback.url(http), name, _as_nobody(make(folder, lines)))
            stack.callback(node.stop)
            node.start()
            started.append(node)
        yield started


def _as_nobody(program: Program) -> Program:
    """The servers refuse to run as root."""
    if os.geteuid() != 0:
        return program
    nobody = pwd.getpwnam("nobody")
    run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", program.home])
    user = ["--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"]
    command: Command = ["setpriv", *user, *program.command]
    return Program(program.name, program.home, command, program.env)
